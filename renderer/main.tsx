import { createRoot } from "react-dom/client";
import "@xterm/xterm/css/xterm.css";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/pages.css";
import "./styles/xenstore.css";
import "./styles/frame.css";
import { App } from "./app/App.tsx";
import { keepLayout } from "./state/layout.ts";
import { startSession } from "./state/session.ts";
import { applyStoredTheme } from "./ui/theme.ts";

applyStoredTheme();
keepLayout();
createRoot(document.getElementById("root")!).render(<App />);
void startSession();
