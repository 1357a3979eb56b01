/** Puts the fragments of datagrams together (RFC 791, RFC 8200), within bounds: a guest can make us keep no more than 1 MiB. */
import { ipText } from "../packet/address.ts";
import type { Packet } from "../packet/internet.ts";

const DATAGRAMS = 16;
const DATAGRAM_MAX = 65535;
const PIECES_MAX = 128;

interface Partial {
  pieces: { offset: number; bytes: Uint8Array }[];
  total: number | null;
}

export class Reassembly {
  readonly #partial = new Map<string, Partial>();

  /** Takes a packet; returns it if it is whole, the whole one if this was its last missing piece, or null. */
  take(packet: Packet): Packet | null {
    const { fragment } = packet;
    if (!fragment) return packet;
    const bytes = packet.bytes.subarray(packet.start, packet.end);
    const end = fragment.offset + bytes.length;
    if (end > DATAGRAM_MAX || (fragment.more && bytes.length % 8)) return null;
    const key = `${ipText(packet.source)}/${ipText(packet.destination)}/${packet.protocol}/${fragment.id}`;
    let partial = this.#partial.get(key);
    if (!partial) {
      // The oldest goes: whoever begins datagrams without ending them loses only its own.
      if (this.#partial.size >= DATAGRAMS) this.#partial.delete(this.#partial.keys().next().value!);
      partial = { pieces: [], total: null };
      this.#partial.set(key, partial);
    }
    const overlaps = partial.pieces.some(
      (piece) => fragment.offset < piece.offset + piece.bytes.length && piece.offset < end,
    );
    const tooLong = partial.total !== null && (end > partial.total || !fragment.more);
    // Overlapping fragments are an attack (RFC 5722): the whole datagram is dropped.
    if (overlaps || tooLong || partial.pieces.length >= PIECES_MAX) {
      this.#partial.delete(key);
      return null;
    }
    if (!fragment.more) partial.total = end;
    partial.pieces.push({ offset: fragment.offset, bytes: bytes.slice() });
    const have = partial.pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
    if (partial.total === null || have < partial.total) return null;
    this.#partial.delete(key);
    if (have > partial.total) return null;
    const whole = new Uint8Array(packet.start + have);
    whole.set(packet.bytes.subarray(0, packet.start));
    for (const piece of partial.pieces) whole.set(piece.bytes, packet.start + piece.offset);
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
}
