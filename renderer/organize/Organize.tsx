import { FolderName } from "./FolderName.tsx";
import { useAsked } from "./groups.ts";
import { OfDomains } from "./OfDomains.tsx";

/** The dialogs about folders and tags. */
export function Organize() {
  const asked = useAsked((state) => state.asked);
  if (!asked) return null;
  return asked.what === "domains" ? <OfDomains names={asked.names} /> : <FolderName {...asked} />;
}
