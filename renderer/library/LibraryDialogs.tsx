import { useApp } from "../state/store.ts";
import { askLibrary, useLibraryAsked } from "./asked.ts";
import { Bin } from "./Bin.tsx";
import { CloneDomain } from "./CloneDomain.tsx";
import { ForkDomain } from "./ForkDomain.tsx";
import { ImportDomain } from "./ImportDomain.tsx";
import { EditDefinition } from "./EditDefinition.tsx";
import { TakeSnapshot } from "../snapshots/TakeSnapshot.tsx";

/** The dialogs about domains that are kept. */
export function LibraryDialogs() {
  const asked = useLibraryAsked((state) => state.asked);
  const kept = useApp((state) => state.kept);
  const close = (): void => askLibrary(null);
  if (asked === null) return null;
  if (asked.what === "bin") return <Bin onClose={close} />;
  if (asked.what === "import") return <ImportDomain file={asked.file} onClose={close} />;
  // Somebody may have deleted the domain in the meantime.
  const domain = kept.find(({ uuid }) => uuid === asked.uuid);
  if (!domain) return null;
  if (asked.what === "edit") return <EditDefinition key={asked.uuid} kept={domain} onClose={close} />;
  if (asked.what === "clone") return <CloneDomain key={asked.uuid} kept={domain} onClose={close} />;
  if (asked.what === "snapshot")
    return <TakeSnapshot key={asked.uuid} uuid={asked.uuid} name={domain.name} onClose={close} />;
  return <ForkDomain key={asked.uuid} uuid={asked.uuid} name={domain.name} onClose={close} />;
}
