import { useEffect, useState } from "react";
import { DropZone, type DropPlace } from "../create/DropZone.tsx";
import { plainName } from "../create/read-file.ts";
import { NewDomain } from "../create/NewDomain.tsx";
import { useOpenedFiles } from "../create/opened.ts";
import { FetchGuest } from "../fetch/FetchGuest.tsx";
import { AttachDialog } from "../devices/AttachDialog.tsx";
import { askAttach, useAttach } from "../devices/attach-state.ts";
import { DomainPage } from "../domain/DomainPage.tsx";
import { CrashBanner } from "../host/CrashBanner.tsx";
import { HostTabs } from "../host/HostTabs.tsx";
import { addImages } from "../images/add.ts";
import { askLibrary } from "../library/asked.ts";
import { isArchive } from "../library/transfer.ts";
import { LibraryDialogs } from "../library/LibraryDialogs.tsx";
import { Organize } from "../organize/Organize.tsx";
import { Meanings } from "../glossary/Meanings.tsx";
import { Words } from "../glossary/Words.tsx";
import { Tour } from "../help/Tour.tsx";
import { useLayout } from "../state/layout.ts";
import { show, toast, useApp } from "../state/store.ts";
import { Boundary } from "../ui/Boundary.tsx";
import { Confirm } from "../ui/Dialog.tsx";
import { Toasts } from "../ui/Toasts.tsx";
import { ConnectionBanner } from "./ConnectionBanner.tsx";
import { FirstHint } from "./FirstHint.tsx";
import { Palette } from "./Palette.tsx";
import { Shortcuts } from "./Shortcuts.tsx";
import { Sidebar } from "./Sidebar.tsx";
import { TasksPanel } from "./TasksPanel.tsx";
import { handleShortcut } from "./shortcut-keys.ts";

export function App() {
  const view = useApp((state) => state.view);
  const dialog = useApp((state) => state.dialog);
  const connection = useApp((state) => state.connection);
  const question = useApp((state) => state.question);
  const sidebarWidth = useLayout((state) => state.sidebarWidth);
  const [dropped, setDropped] = useState<File[]>([]);
  const take = (files: File[]): void => {
    setDropped(files);
    useApp.setState({ dialog: "new-domain" });
  };
  /** Archives are imported, one at a time; all else is for a new domain. */
  const sort = async (files: File[]): Promise<void> => {
    const archives = await Promise.all(files.map(isArchive));
    const [first, ...others] = files.filter((_, i) => archives[i]);
    const rest = files.filter((_, i) => !archives[i]);
    if (!first) return take(files);
    const left = [...others, ...rest];
    if (left.length > 0)
      toast("warning", `A domain is imported alone: this is ${plainName(first.name)}, without the other files.`);
    askLibrary({ what: "import", file: first });
  };
  const attach = (files: File[], domid: number, drive: string | null): void => {
    if (files.length > 1) toast("warning", "Disks are attached one at a time: this is the first of those dropped.");
    askAttach(domid, "disk", { file: files[0]!, drive });
  };
  useOpenedFiles(take);
  // What is looked at, if a device can come to it.
  const shown = useApp(({ domains, view: of }) =>
    of.page === "domain" ? domains.find(({ domid }) => domid === of.domid) : undefined,
  );
  const attachTo = shown?.config && !shown.state.shutdown && !shown.state.dying ? shown : null;
  const drop = (files: File[], place: DropPlace): void => {
    // Who is asked for files gets them, wherever on the window they are dropped.
    if (dialog === "new-domain") return void sort(files);
    const asked = useAttach.getState().asked;
    if (asked?.key === "disk") return attach(files, asked.domid, asked.drive);
    if (place === "library") {
      show({ page: "host", tab: "images" });
      return void addImages(files);
    }
    if (place !== "attach" || !attachTo) return void sort(files);
    attach(files, attachTo.domid, null);
  };

  useEffect(() => {
    window.addEventListener("keydown", handleShortcut);
    return () => window.removeEventListener("keydown", handleShortcut);
  }, []);

  return (
    <div
      className="app"
      data-connection={connection}
      style={{ gridTemplateColumns: `${sidebarWidth}px minmax(0, 1fr)` }}
    >
      <Sidebar />
      <div className="content">
        <div className="main-box">
          <main className="main">
            <ConnectionBanner />
            <CrashBanner />
            <FirstHint />
            <Boundary of={JSON.stringify(view)}>
              {view.page === "host" ? <HostTabs /> : <DomainPage key={view.domid} domid={view.domid} tab={view.tab} />}
            </Boundary>
          </main>
          <Toasts />
        </div>
        <TasksPanel />
      </div>
      <DropZone attachTo={attachTo?.name ?? null} onFiles={drop} />
      {dialog === "new-domain" && (
        <NewDomain
          files={dropped}
          onClose={() => {
            setDropped([]);
            useApp.setState({ dialog: "none" });
          }}
        />
      )}
      {dialog === "fetch-guest" && <FetchGuest onClose={() => useApp.setState({ dialog: "none" })} />}
      <AttachDialog />
      {dialog === "shortcuts" && <Shortcuts />}
      {dialog === "palette" && <Palette />}
      {dialog === "words" && <Words />}
      <Meanings />
      <Tour />
      <Organize />
      <LibraryDialogs />
      {question && <Confirm {...question} onClose={() => useApp.setState({ question: null })} />}
    </div>
  );
}
