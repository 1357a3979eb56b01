/**
 * Which requests a backend has taken from a ring and not answered, in memory that outlives the backend's thread. A ring does not say that: a response
 * takes the place of whatever request was put there first. With this record the next backend answers each request exactly once. It may do again what
 * the earlier one had done without answering, because the frontend leaves the pages of a request alone until it has its response.
 * Only one thread at a time uses the memory, and a thread may end after any of its steps: so each change below is one store of a word, after which the
 * record is right whatever follows. A request counts as answered once the ring's own response producer, which the frontend sees, has passed it.
 */

/** Keeps the memory of records. */
export interface RequestRecords {
  /**
   * Resolves with `bytes` bytes for the record of the ring that is called `key`. They are as the earlier backend has left them if that had the same
   * ring, which `ring` identifies, and zeros otherwise. null where no other backend could go on with the ring, so that nothing needs to be recorded.
   */
  open(key: string, ring: string, bytes: number): Promise<SharedArrayBuffer | null>;
  /** The frontend is disconnected: nothing of that ring is left to be answered. */
  drop(key: string): void;
}

/** Of a domain whose backends nobody starts again while their frontends live. */
export const NO_RECORDS: RequestRecords = { open: () => Promise.resolve(null), drop: () => {} };

/** Words of the record: the requests taken from the ring so far; 1 once that is valid. */
const CONSUMER = 0;
const IS_VALID = 1;
const HEADER_WORDS = 2;
/** Words of an entry: what it is; the ring's request consumer and the response's index in the ring; then the request itself. */
const STATE = 0;
const TAKEN_AT = 1;
const ANSWERED_AT = 2;
const ENTRY_WORDS = 3;
const FREE = 0;
const TAKEN = 1;
const ANSWERED = 2;

export class RequestRecord {
  readonly #words: Int32Array;
  readonly #requestWords: number;
  readonly #size: number;
  /** Entries that are free. */
  readonly #free: number[] = [];
  /** Entries whose response is in the ring, where the frontend may not see it yet. */
  #answered: number[] = [];

  static bytes(size: number, slotBytes: number): number {
    return 4 * (HEADER_WORDS + size * (ENTRY_WORDS + (slotBytes >> 2)));
  }

  /** `buffer` has RequestRecord.bytes() bytes: zeros, or what an earlier record of the same ring has left there. */
  constructor(buffer: SharedArrayBuffer, size: number, slotBytes: number) {
    this.#words = new Int32Array(buffer);
    this.#size = size;
    this.#requestWords = slotBytes >> 2;
  }

  /**
   * Called first, with the response producer that the frontend sees. Returns the ring's request consumer, and the entries of the requests that have no
   * response, in the order in which they were taken; null when nothing is recorded of this ring. The record begins anew then.
   */
  recover(responseProducer: number): { consumer: number; entries: number[] } | null {
    const words = this.#words;
    const consumer = words[CONSUMER]! >>> 0;
    const open: number[] = [];
    for (let entry = 0; entry < this.#size; entry++) {
      const at = this.#at(entry);
      const isTaken = words[at + STATE] !== FREE && ((words[at + TAKEN_AT]! - consumer) | 0) < 0;
      const isSeen = words[at + STATE] === ANSWERED && ((words[at + ANSWERED_AT]! - responseProducer) | 0) < 0;
      if (isTaken && !isSeen) open.push(entry);
    }
    // As many as the ring says. Anything else was recorded of another ring, which this frontend has given up.
    const isOfThisRing = words[IS_VALID] === 1 && (consumer - responseProducer) >>> 0 === open.length;
    if (!isOfThisRing) open.length = 0;
    const isOpen = new Set(open);
    for (let entry = this.#size - 1; entry >= 0; entry--) {
      words[this.#at(entry) + STATE] = isOpen.has(entry) ? TAKEN : FREE;
      if (!isOpen.has(entry)) this.#free.push(entry);
    }
    if (!isOfThisRing) words[CONSUMER] = responseProducer | 0;
    words[IS_VALID] = 1;
    if (!isOfThisRing) return null;
    // A request may be slow while any number of later ones are answered.
    const order = (entry: number): number => (words[this.#at(entry) + TAKEN_AT]! - consumer) | 0;
    return { consumer, entries: open.sort((one, other) => order(one) - order(other)) };
  }

  /** Copies the request of an entry that recover() has returned. */
  read(entry: number, request: Int32Array): void {
    const from = this.#at(entry) + ENTRY_WORDS;
    request.set(this.#words.subarray(from, from + this.#requestWords));
  }

  /** Records a request that was copied from the ring at index `consumer`. Returns its entry. */
  take(consumer: number, request: Int32Array): number {
    const entry = this.#free.pop();
    // The ring lets no more be taken than it has slots.
    if (entry === undefined) throw new Error("more requests are taken than the ring has slots");
    const at = this.#at(entry);
    this.#words.set(request, at + ENTRY_WORDS);
    this.#words[at + TAKEN_AT] = consumer | 0;
    this.#words[at + STATE] = TAKEN;
    // It counts as taken from here on.
    this.#words[CONSUMER] = (consumer + 1) | 0;
    return entry;
  }

  /** Called before the response is put into the ring at index `producer`. */
  answer(entry: number, producer: number): void {
    const at = this.#at(entry);
    this.#words[at + ANSWERED_AT] = producer | 0;
    this.#words[at + STATE] = ANSWERED;
    this.#answered.push(entry);
  }

  /** Called after the frontend can see all responses. */
  shown(): void {
    for (const entry of this.#answered) this.#words[this.#at(entry) + STATE] = FREE;
    this.#free.push(...this.#answered);
    this.#answered = [];
  }

  #at(entry: number): number {
    return HEADER_WORDS + entry * (ENTRY_WORDS + this.#requestWords);
  }
}
