/** The domain that is being made: its xl.cfg, which decides, the files that it is to be made of, and what is wrong with them. */
import { useRef, useState } from "react";
import { useApp } from "../state/store.ts";
import type { Finding } from "./checks.ts";
import { withType, type TypedText } from "./chosen-type.ts";
import type { TakenDisk } from "./disk-images.ts";
import { NEW_CONFIG, withField, type FieldName, type Fields } from "./fields.ts";
import { withDisks, withFiles } from "./filled.ts";
import { releaseFiles, type TakenFile } from "./intake.ts";
import { useChecked, type Checked } from "./useChecked.ts";

export interface Draft extends Checked {
  text: string;
  files: readonly TakenFile[];
  /** Why the last attempt failed. The next change clears it. */
  failure: string | null;
  fail: (reason: string | null) => void;
  edit: (change: (before: string) => string) => void;
  set: (field: FieldName, value: string) => void;
  /** A user who has asked for the domain counts as having visited every field, so what is missing is reported now. */
  touchAll: () => void;
  /** Puts files that the host has now into the config. */
  use: (taken: readonly TakenFile[]) => void;
  /** Adds disks, or replaces the disk at that index with the first of them. */
  useDisks: (taken: TakenDisk[], at?: number | null) => void;
  /** Tells the host that it need not keep the files any longer. */
  release: () => void;
}

export function useDraft(): Draft {
  const domains = useApp((state) => state.domains);
  const [typed, setTyped] = useState<TypedText>({ text: NEW_CONFIG, before: null });
  const { text } = typed;
  const [files, setFiles] = useState<TakenFile[]>([]);
  const [failure, fail] = useState<string | null>(null);
  const [touched, setTouched] = useState<ReadonlySet<FieldName>>(new Set());
  const kept = useRef<TakenFile[]>([]);
  const names = new Set(domains.map(({ name }) => name));
  const checked = useChecked(text, files);
  const edit: Draft["edit"] = (change) => {
    fail(null);
    setTyped(({ text: present, before }) => ({ text: change(present), before }));
  };
  return {
    ...checked,
    text,
    files,
    failure,
    fail,
    edit,
    findings: checked.findings.filter(({ field }) => !isUntouched(field, checked.fields, touched)),
    set: (field, value) => {
      setTouched((before) => new Set([...before, field]));
      if (field !== "type") return edit((before) => withField(before, field, value));
      fail(null);
      setTyped((before) => withType(before, value));
    },
    touchAll: () => setTouched(new Set(Object.keys(checked.fields) as FieldName[])),
    use: (taken) => {
      kept.current = [...kept.current, ...taken];
      setFiles(kept.current);
      edit((before) => withFiles(before, taken, names));
    },
    useDisks: (taken, at = null) => edit((before) => withDisks(before, taken, at, names)),
    release: () => releaseFiles(kept.current),
  };
}

/** A missing value is not an error before the user has been in its field. */
function isUntouched(field: Finding["field"], fields: Fields, touched: ReadonlySet<FieldName>): boolean {
  if (field === null || field === "disk" || field === "vif" || field === "p9") return false;
  return !touched.has(field) && fields[field] === "";
}
