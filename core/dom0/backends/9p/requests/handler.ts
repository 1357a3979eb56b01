/** The type of functions that carry out requests. */
import type { Answer, Fields } from "../messages.ts";
import type { Session } from "../session.ts";

/** An error that it throws or rejects with becomes the answer. */
export type Handler = (session: Session, fields: Fields, tag: number) => Promise<Answer> | Answer;
/** By the number of the request. */
export type Handlers = Readonly<Record<number, Handler>>;
