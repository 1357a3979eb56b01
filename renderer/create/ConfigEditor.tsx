import { CircleAlert, Download, TriangleAlert } from "lucide-react";
import { useRef } from "react";
import { download } from "../ui/download.ts";
import type { Finding } from "./checks.ts";

/** Edits the xl.cfg itself. What is typed here is what the fields show and what is sent. */
export function ConfigEditor({
  text,
  findings,
  missing,
  fileName,
  hint,
  onChange,
}: {
  text: string;
  findings: readonly Finding[];
  /** The keys that the config needs and does not have yet. */
  missing: readonly string[];
  fileName: string;
  /** Beside its heading. */
  hint?: string;
  onChange: (text: string) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const marks = new Map<number, Finding["severity"]>();
  for (const { line, severity } of findings) if (line && marks.get(line) !== "error") marks.set(line, severity);
  const lines = text.split("\n");
  const goTo = (line: number): void => {
    const at = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    area.current?.focus();
    area.current?.setSelectionRange(at, at + (lines[line - 1]?.length ?? 0));
  };
  return (
    <div className="config-editor">
      <div className="config-head">
        <label htmlFor="config-editor">xl.cfg</label>
        {hint !== undefined && <span className="muted">{hint}</span>}
        <span className="spacer" />
        <button type="button" onClick={() => download(`${fileName || "domain"}.cfg`, "text/plain", text)}>
          <Download size={14} aria-hidden /> Save
        </button>
      </div>
      <div className="config-text">
        <div ref={gutter} className="config-gutter mono" aria-hidden>
          {lines.map((_, i) => (
            <span key={i} data-mark={marks.get(i + 1)}>
              {i + 1}
            </span>
          ))}
        </div>
        <textarea
          ref={area}
          id="config-editor"
          className="mono"
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          maxLength={64 * 1024}
          aria-invalid={findings.some(({ severity }) => severity === "error")}
          aria-describedby="config-findings"
          value={text}
          onChange={({ target }) => onChange(target.value)}
          onScroll={({ currentTarget }) => gutter.current?.scrollTo(0, currentTarget.scrollTop)}
        />
      </div>
      <Findings findings={findings} missing={missing} onGo={goTo} />
    </div>
  );
}

/** What is wrong with the text, each with the way to its line. */
function Findings({
  findings,
  missing,
  onGo,
}: {
  findings: readonly Finding[];
  missing: readonly string[];
  onGo: (line: number) => void;
}) {
  return (
    <div id="config-findings" className="config-findings" role="status">
      {findings.length === 0 && (
        <p className="muted">{missing.length ? `Still needed: ${missing.join(", ")}.` : "Ready."}</p>
      )}
      <ul>
        {findings.map(({ severity, message, line }, i) => {
          const Icon = severity === "error" ? CircleAlert : TriangleAlert;
          return (
            <li key={i} data-severity={severity}>
              <Icon size={13} aria-label={severity} />
              {line > 0 ? (
                <button type="button" className="plain" onClick={() => onGo(line)}>
                  line {line}
                </button>
              ) : null}
              <span>{message}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
