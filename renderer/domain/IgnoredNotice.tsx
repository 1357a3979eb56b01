import { Skull } from "lucide-react";
import type { DomainInfo, JournalEntry } from "../../core/api/schema.ts";
import { ignoredBy, useJournal } from "../state/journal.ts";
import { ACTION_WORDS, doWith, mayDo } from "./actions.ts";

/** Says that a guest that was asked to shut down has not reacted, and offers what ends it anyway. */
export function IgnoredNotice({ domain }: { domain: DomainInfo }) {
  const ignored = useJournal(({ entries }) => ignoredBy(entries, domain.domid));
  if (!ignored?.remedy || domain.state.shutdown || domain.state.dying) return null;
  return (
    <div className="banner banner-deed" role="status">
      <span>{ignored.detail}</span>
      <RemedyButton remedy={ignored.remedy} domain={domain} />
    </div>
  );
}

/** Asks the user before it does so. */
export function RemedyButton({ remedy, domain }: { remedy: NonNullable<JournalEntry["remedy"]>; domain: DomainInfo }) {
  return (
    <button
      type="button"
      className="danger-quiet"
      aria-label={`${ACTION_WORDS[remedy]} ${domain.name}`}
      disabled={!mayDo(remedy, domain)}
      onClick={() => doWith(remedy, [domain])}
    >
      <Skull size={15} aria-hidden /> {ACTION_WORDS[remedy]}
    </button>
  );
}
