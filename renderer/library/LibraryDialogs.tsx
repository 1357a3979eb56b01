import { useApp } from "../state/store.ts";
import { askLibrary, useLibraryAsked } from "./asked.ts";
import { Bin } from "./Bin.tsx";
import { CloneDomain } from "./CloneDomain.tsx";
import { ImportDomain } from "./ImportDomain.tsx";
import { EditDefinition } from "./EditDefinition.tsx";

/** What is asked about domains that are kept. */
export function LibraryDialogs() {
  const asked = useLibraryAsked((state) => state.asked);
  const kept = useApp((state) => state.kept);
  const close = (): void => askLibrary(null);
  if (asked === null) return null;
  if (asked.what === "bin") return <Bin onClose={close} />;
  if (asked.what === "import") return <ImportDomain file={asked.file} onClose={close} />;
  // Somebody may have deleted it meanwhile.
  const domain = kept.find(({ uuid }) => uuid === asked.uuid);
  if (!domain) return null;
  return asked.what === "edit" ? (
    <EditDefinition key={asked.uuid} kept={domain} onClose={close} />
  ) : (
    <CloneDomain key={asked.uuid} kept={domain} onClose={close} />
  );
}
