import { useEffect, useState } from "react";
import type { GuestLook, OfferedGuest } from "../../core/api/schema.ts";
import { request, sentence } from "../state/session.ts";
import { sizeText } from "../ui/units.ts";
import { ROLE_WORDS, vouching } from "./words.ts";

/** Shows what the servers say of the guest's files. They are asked when it is first shown. */
export function GuestFiles({ guest }: { guest: OfferedGuest }) {
  const [look, setLook] = useState<GuestLook | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let current = true;
    request("guestLook", { guest: guest.id }).then(
      (answer) => current && setLook(answer),
      (error: unknown) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, []);
  return (
    <ul className="guest-files" aria-label={`What is fetched for ${guest.name}`} aria-busy={!look && problem === null}>
      {guest.files.map(({ role, url, bytes }, i) => {
        const file = look?.files[i];
        const size = file?.bytes ?? bytes;
        return (
          <li key={url}>
            <p>
              <strong>{ROLE_WORDS[role]}</strong>{" "}
              {size === null ? (look ? "of a size that its server does not say" : "") : sizeText(size)}
            </p>
            <p className="mono guest-url">{url}</p>
            {file && <p className="fetch-note">{vouching(file)}</p>}
            {file?.checksum && <p className="mono guest-sum">{file.checksum.hex}</p>}
            {(file?.problem ?? problem) && <p className="field-warning">{file?.problem ?? problem}</p>}
            {!look && problem === null && <p className="fetch-note">Asking its server…</p>}
          </li>
        );
      })}
    </ul>
  );
}
