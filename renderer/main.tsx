import { createRoot } from "react-dom/client";
import "@xterm/xterm/css/xterm.css";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/graphs.css";
import "./styles/menu.css";
import "./styles/pages.css";
import "./styles/xenstore.css";
import "./styles/frame.css";
import "./styles/create.css";
import "./styles/fetch.css";
import "./styles/organize.css";
import "./styles/tour.css";
import "./styles/glossary.css";
import "./styles/forced-colors.css";
import { App } from "./app/App.tsx";
import { serveDesktop } from "./app/desktop.ts";
import { handleShortcut } from "./app/shortcut-keys.ts";
import { ConsoleWindow } from "./console/ConsoleWindow.tsx";
import { poppedOutConsole, prepareConsoles } from "./console/deeds.ts";
import { keepLayout } from "./state/layout.ts";
import { keepGroups } from "./organize/groups.ts";
import { startSession } from "./state/session.ts";
import { applyStoredTheme } from "./ui/theme.ts";

const console = poppedOutConsole();
applyStoredTheme();
// The window of a single console keeps no layout; the main window does.
if (console === null) {
  keepLayout();
  keepGroups();
  serveDesktop();
  // The keys work before the page is drawn, which takes a while on a busy machine.
  window.addEventListener("keydown", handleShortcut);
}
prepareConsoles();
createRoot(document.getElementById("root")!).render(console === null ? <App /> : <ConsoleWindow domid={console} />);
void startSession();
