/** What carries out a request. */
import type { Answer, Fields } from "../messages.ts";
import type { Session } from "../session.ts";

/** What it throws or rejects with is the answer's error. */
export type Handler = (session: Session, fields: Fields, tag: number) => Promise<Answer> | Answer;
/** By the number of the request. */
export type Handlers = Readonly<Record<number, Handler>>;
