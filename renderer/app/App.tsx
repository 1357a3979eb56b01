import { DropZone } from "../create/DropZone.tsx";
import { NewDomain } from "../create/NewDomain.tsx";
import { FetchGuest } from "../fetch/FetchGuest.tsx";
import { AttachDialog } from "../devices/AttachDialog.tsx";
import { PutFiles } from "../devices/PutFiles.tsx";
import { sharedFoldersOf } from "../devices/shared-folders.ts";
import { DomainPage } from "../domain/DomainPage.tsx";
import { CrashBanner } from "../host/CrashBanner.tsx";
import { HostTabs } from "../host/HostTabs.tsx";
import { LibraryDialogs } from "../library/LibraryDialogs.tsx";
import { Organize } from "../organize/Organize.tsx";
import { Meanings } from "../glossary/Meanings.tsx";
import { Words } from "../glossary/Words.tsx";
import { Tour } from "../help/Tour.tsx";
import { useLayout } from "../state/layout.ts";
import { useApp } from "../state/store.ts";
import { Boundary } from "../ui/Boundary.tsx";
import { Confirm } from "../ui/Dialog.tsx";
import { useFocusInSight } from "../ui/focus-in-sight.ts";
import { Toasts } from "../ui/Toasts.tsx";
import { ConnectionBanner } from "./ConnectionBanner.tsx";
import { FirstHint } from "./FirstHint.tsx";
import { Palette } from "./Palette.tsx";
import { Shortcuts } from "./Shortcuts.tsx";
import { Sidebar } from "./Sidebar.tsx";
import { TasksPanel } from "./TasksPanel.tsx";
import { useDroppedFiles } from "./useDroppedFiles.ts";

export function App() {
  const view = useApp((state) => state.view);
  const dialog = useApp((state) => state.dialog);
  const connection = useApp((state) => state.connection);
  const question = useApp((state) => state.question);
  const sidebarWidth = useLayout((state) => state.sidebarWidth);
  useFocusInSight();
  // The domain that is looked at, if a device can be attached to it.
  const shown = useApp(({ domains, view: of }) =>
    of.page === "domain" ? domains.find(({ domid }) => domid === of.domid) : undefined,
  );
  const attachTo = shown?.config && !shown.state.shutdown && !shown.state.dying ? shown : null;
  const { drops, drop, forget } = useDroppedFiles(attachTo);

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
      <DropZone
        attachTo={attachTo?.name ?? null}
        shares={sharedFoldersOf(attachTo).map(({ tag }) => tag)}
        onFiles={drop}
      />
      {dialog === "new-domain" && (
        <NewDomain
          drops={drops}
          onClose={() => {
            forget();
            useApp.setState({ dialog: "none" });
          }}
        />
      )}
      {dialog === "fetch-guest" && <FetchGuest onClose={() => useApp.setState({ dialog: "none" })} />}
      <AttachDialog />
      <PutFiles />
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
