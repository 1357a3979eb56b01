import { Tag } from "lucide-react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { Term } from "../glossary/Term.tsx";
import { organize } from "../organize/groups.ts";
import { Tags } from "../organize/Tags.tsx";
import { act } from "../state/session.ts";
import type { EndedDomain } from "../state/store.ts";
import { Tool } from "../ui/Tool.tsx";
import { DomainName } from "./DomainName.tsx";
import { EndedButtons } from "./EndedButtons.tsx";
import { PowerButtons } from "./PowerButtons.tsx";
import { endOf, stateOf, STATE_WORDS } from "./state-words.ts";

interface Props {
  domid: number;
  /** undefined: nobody knows it any more. */
  name: string | undefined;
  domain: DomainInfo | undefined;
  ended: EndedDomain | null | undefined;
}

/** Name, state, folder and tags of a domain, and what can be done with it. */
export function DomainHead(props: Props) {
  const { domid, name, domain, ended } = props;
  const state = domain ? stateOf(domain) : ended?.kept ? endOf(ended) : null;
  return (
    <header className="page-header">
      <Name {...props} />
      {state && (
        <span className={`badge state-${state}`}>
          <Term of={state}>{STATE_WORDS[state]}</Term>
        </span>
      )}
      {domid >= 0 && (
        <span className="page-sub">
          {!domain && "last "}
          <Term of="domid">domid</Term> {domid}
        </span>
      )}
      {name !== undefined && domid !== 0 && (
        <>
          <Tags name={name} most={4} />
          <Tool label="Folder and tags" onClick={() => organize([name])}>
            <Tag size={14} aria-hidden />
          </Tool>
        </>
      )}
      <span className="spacer" />
      {domain && domid !== 0 && <PowerButtons domain={domain} />}
      {ended && <EndedButtons ended={ended} />}
    </header>
  );
}

/** It can be changed where there is a domain, or one that is kept. */
function Name({ domid, name, domain, ended }: Props) {
  const kept = ended?.kept;
  if (domain && domid !== 0)
    return <DomainName key={domid} name={domain.name} rename={(to) => act("rename", { domid, name: to })} />;
  if (kept)
    return (
      <DomainName key={kept.uuid} name={kept.name} rename={(to) => act("keptRename", { uuid: kept.uuid, name: to })} />
    );
  return (
    <h1>
      <span className="page-name" title={name}>
        {name ?? `Domain ${domid}`}
      </span>
    </h1>
  );
}
