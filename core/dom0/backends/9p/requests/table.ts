/** Carries out all requests except reads and writes, whose data does not pass here (../lane.ts). */
import { FolderError } from "../errno.ts";
import { Fields } from "../messages.ts";
import type { Session } from "../session.ts";
import { ATTRIBUTES } from "./attributes.ts";
import { CHANGES } from "./changes.ts";
import { CONVERSATION } from "./conversation.ts";
import type { Handlers } from "./handler.ts";
import { LOCKS } from "./locks.ts";
import { NAMES } from "./names.ts";
import { OPENING } from "./opening.ts";

const HANDLERS: Handlers = { ...CONVERSATION, ...NAMES, ...ATTRIBUTES, ...OPENING, ...CHANGES, ...LOCKS };

/**
 * Returns the answer's bytes. `bytes` is a private copy of the whole request. Never rejects: a request that can't be carried out is answered with an
 * error number.
 */
export async function carryOut(session: Session, type: number, tag: number, bytes: Uint8Array): Promise<Uint8Array> {
  try {
    const handler = Object.hasOwn(HANDLERS, type) ? HANDLERS[type] : undefined;
    if (!handler) throw new FolderError("EOPNOTSUPP");
    const answer = (await handler(session, new Fields(bytes), tag)).finish(type, tag);
    if (answer.length > session.message) throw new FolderError("EOVERFLOW", "the answer is longer than a message");
    session.count();
    return answer;
  } catch (error) {
    return session.refusal(tag, error);
  }
}
