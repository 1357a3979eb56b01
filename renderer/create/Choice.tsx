import type { TakenFile } from "./intake.ts";

/** Says that several files could be the same part of a domain, and lets the user choose one. */
export function Choice({
  part,
  files,
  chosen,
  onChoose,
}: {
  /** "kernel" or "RAM disk". */
  part: string;
  files: readonly TakenFile[];
  /** The name of the file that the config names. */
  chosen: string;
  onChoose: (name: string) => void;
}) {
  const names = [...new Set(files.map(({ name }) => name))];
  if (names.length < 2) return null;
  return (
    <fieldset className="choice">
      <legend>
        {names.length} files could be its {part}. Which one?
      </legend>
      {names.map((name) => (
        <label key={name} className="check">
          <input type="radio" name={`choice-${part}`} checked={name === chosen} onChange={() => onChoose(name)} />
          <span className="mono">{name}</span>
          <span className="muted">{files.findLast((each) => each.name === name)!.description.summary}</span>
        </label>
      ))}
    </fieldset>
  );
}
