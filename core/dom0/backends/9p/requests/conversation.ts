/** Requests about the conversation itself: version, flush. */
import { FolderError } from "../errno.ts";
import { Answer, type Fields, T, VERSION } from "../messages.ts";
import type { Session } from "../session.ts";
import type { Handlers } from "./handler.ts";

/** With shorter messages, a directory entry of the longest name could not be told. */
const LEAST_MESSAGE = 4096;

export const CONVERSATION: Handlers = { [T.version]: version, [T.flush]: flush };

async function version(session: Session, fields: Fields): Promise<Answer> {
  const [message, wanted] = [fields.u32(), fields.text()];
  if (message < LEAST_MESSAGE) throw new FolderError("EINVAL", `messages must have room for ${LEAST_MESSAGE} bytes`);
  await session.restart(message);
  return new Answer().u32(session.message).text(wanted === VERSION ? VERSION : "unknown");
}

/** Nothing is cancelled: this waits until the other request has been answered. */
async function flush(session: Session, fields: Fields): Promise<Answer> {
  await session.answered(fields.u16());
  return new Answer(0);
}
