/**
 * Reassembles the fragments of datagrams (RFC 791, RFC 8200), within bounds for each interface: a guest can make us keep at most 1 MiB, and pushes
 * out only its own datagrams.
 */
import { ipText } from "../packet/address.ts";
import type { Packet } from "../packet/internet.ts";

const DATAGRAMS = 16;
const DATAGRAM_MAX = 65535;
const PIECES_MAX = 128;
/** Milliseconds. RFC 791 says 15 seconds, RFC 8200 says 60. */
const PATIENCE = 30_000;

interface Partial {
  readonly since: number;
  readonly pieces: { offset: number; bytes: Uint8Array }[];
  total: number | null;
  /** Number of bytes received, and the end of the piece that reaches farthest. */
  have: number;
  farthest: number;
}

export class Reassembly {
  readonly #now: () => number;
  readonly #interfaces = new Map<string, Map<string, Partial>>();

  /** `now` returns milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes a packet from an interface. Returns it if it is not a fragment, the complete datagram if this was its last missing fragment, or null. */
  take(packet: Packet, via: string): Packet | null {
    const { fragment } = packet;
    if (!fragment) return packet;
    const bytes = packet.bytes.subarray(packet.start, packet.end);
    const end = fragment.offset + bytes.length;
    if (!bytes.length || end > DATAGRAM_MAX || (fragment.more && bytes.length % 8)) return null;
    const key = `${ipText(packet.source)}/${ipText(packet.destination)}/${packet.protocol}/${fragment.id}`;
    const partial = this.#partial(via, key);
    const overlaps = partial.pieces.some(
      (piece) => fragment.offset < piece.offset + piece.bytes.length && piece.offset < end,
    );
    const total = fragment.more ? partial.total : end;
    const isContrary = partial.total !== null && !fragment.more;
    partial.farthest = Math.max(partial.farthest, end);
    // Overlapping fragments are an attack (RFC 5722), and so is anything after the last fragment. The whole datagram is dropped.
    if (overlaps || isContrary || (total !== null && partial.farthest > total) || partial.pieces.length >= PIECES_MAX) {
      this.#forget(via, key);
      return null;
    }
    partial.total = total;
    partial.pieces.push({ offset: fragment.offset, bytes: bytes.slice() });
    partial.have += bytes.length;
    if (partial.have !== total) return null;
    this.#forget(via, key);
    return joined(packet, partial.pieces, total);
  }

  #partial(via: string, key: string): Partial {
    let partials = this.#interfaces.get(via);
    if (!partials) this.#interfaces.set(via, (partials = new Map<string, Partial>()));
    const known = partials.get(key);
    const now = this.#now();
    if (known && now - known.since < PATIENCE) return known;
    partials.delete(key);
    if (partials.size >= DATAGRAMS) partials.delete(partials.keys().next().value!);
    const partial = { since: now, pieces: [], total: null, have: 0, farthest: 0 };
    partials.set(key, partial);
    return partial;
  }

  #forget(via: string, key: string): void {
    const partials = this.#interfaces.get(via);
    partials?.delete(key);
    if (partials?.size === 0) this.#interfaces.delete(via);
  }

  /** Called when an interface has gone. */
  close(via: string): void {
    this.#interfaces.delete(via);
  }
}

function joined(packet: Packet, pieces: Partial["pieces"], total: number): Packet {
  const whole = new Uint8Array(packet.start + total);
  whole.set(packet.bytes.subarray(0, packet.start));
  for (const piece of pieces) whole.set(piece.bytes, packet.start + piece.offset);
  const at = packet.source.byteOffset - packet.bytes.byteOffset;
  const length = packet.source.length;
  return {
    ...packet,
    bytes: whole,
    source: whole.subarray(at, at + length),
    destination: whole.subarray(at + length, at + 2 * length),
    end: whole.length,
    fragment: null,
  };
}
