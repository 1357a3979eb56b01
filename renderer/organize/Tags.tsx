import { useGroups } from "./groups.ts";

const NONE: readonly string[] = [];

/** Shows a domain's tags, at most `most` in a row. */
export function Tags({ name, most = 16 }: { name: string; most?: number }) {
  const tags = useGroups((state) => state.tags.get(name)) ?? NONE;
  if (!tags.length) return null;
  return (
    <span className="tags">
      {tags.slice(0, most).map((tag) => (
        <span key={tag} className="tag">
          {tag}
        </span>
      ))}
      {tags.length > most && <span className="muted">+{tags.length - most}</span>}
    </span>
  );
}
