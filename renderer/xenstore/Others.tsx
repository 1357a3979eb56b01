import { accessWords, permissionOf } from "./bytes.ts";

/** Shows who besides the owner may do what, in the form of xenstore-ls -p. The words are shown where the pointer rests. */
export function Others({ permissions }: { permissions: string[] }) {
  const [first, ...rest] = permissions.map(permissionOf);
  const words = [
    ...rest.map(({ access, domid }) => `domain ${domid}: ${accessWords(access)}`),
    `all others: ${accessWords(first!.access)}`,
  ].join("; ");
  return (
    <span className="mono" title={words}>
      {rest.map(({ access, domid }) => `${access}${domid}`).join(" ")}
      {rest.length > 0 && first!.access !== "n" && " "}
      {first!.access !== "n" && `*${first!.access}`}
    </span>
  );
}
