/**
 * Console ring and serial port. Every function here that writes expects its caller to hold the console lock.
 * Console ring: a power of two of bytes, with u32 producer and consumer that wrap freely; new bytes overwrite the oldest. It begins with 16 KiB in
 * the root, so that the first message has a place, and moves to the heap once there is one.
 * Serial port (core/machine/layout.ts): a ring that the host reads. Writing never blocks: if the host does not keep up, bytes that it has not taken
 * are overwritten, which the host sees and skips. Each piece that is written is marked with its kind (abi/log.ts) and its time. The marks lie beside
 * the bytes, where nothing that is written can reach.
 */
import {
  SERIAL_CLAIMED,
  SERIAL_DATA,
  SERIAL_MARKS,
  SERIAL_MARKS_PRODUCER,
  SERIAL_MARK_BYTES,
  SERIAL_MARK_COUNT,
  SERIAL_MARK_KIND,
  SERIAL_MARK_SIZE,
  SERIAL_MARK_TIME,
  SERIAL_PRODUCER,
  SERIAL_SIZE,
} from "../../machine/layout";
import { HYPERVISOR_ROOT } from "../memory/frames";
import { systemTime } from "../sched/clock";

const BOOT_RING: usize = HYPERVISOR_ROOT + 0x9000;
const BOOT_RING_SIZE: u32 = 0x4000;
/** u32: address, size, producer, consumer. */
const ROOT_CONRING: usize = HYPERVISOR_ROOT + 0xa0;
const ROOT_CONRING_SIZE: usize = HYPERVISOR_ROOT + 0xa4;
const ROOT_CONRING_PRODUCER: usize = HYPERVISOR_ROOT + 0xa8;
const ROOT_CONRING_CONSUMER: usize = HYPERVISOR_ROOT + 0xac;
/** u32: 0 = `console=none`, serial output is off. */
const ROOT_SERIAL_ON: usize = HYPERVISOR_ROOT + 0xb0;

export function conringInit(): void {
  store<u32>(ROOT_CONRING, <u32>BOOT_RING);
  store<u32>(ROOT_CONRING_SIZE, BOOT_RING_SIZE);
  store<u32>(ROOT_CONRING_PRODUCER, 0);
  store<u32>(ROOT_CONRING_CONSUMER, 0);
  store<u32>(ROOT_SERIAL_ON, 1);
}

export function setSerial(on: bool): void {
  store<u32>(ROOT_SERIAL_ON, on ? 1 : 0);
}

/** Moves to a bigger ring. `size` is a power of two. */
export function conringMove(address: usize, size: u32): void {
  const old = load<u32>(ROOT_CONRING);
  const oldSize = load<u32>(ROOT_CONRING_SIZE);
  const producer = load<u32>(ROOT_CONRING_PRODUCER);
  for (let i = load<u32>(ROOT_CONRING_CONSUMER); i != producer; i++)
    store<u8>(address + (i & (size - 1)), load<u8>(<usize>old + (i & (oldSize - 1))));
  store<u32>(ROOT_CONRING, <u32>address);
  store<u32>(ROOT_CONRING_SIZE, size);
}

export function conringWrite(from: usize, length: u32, kind: u32): void {
  const ring = <usize>load<u32>(ROOT_CONRING);
  const size = load<u32>(ROOT_CONRING_SIZE);
  let producer = load<u32>(ROOT_CONRING_PRODUCER);
  for (let i: u32 = 0; i < length; i++) store<u8>(ring + (producer++ & (size - 1)), load<u8>(from + i));
  store<u32>(ROOT_CONRING_PRODUCER, producer);
  if (producer - load<u32>(ROOT_CONRING_CONSUMER) > size) store<u32>(ROOT_CONRING_CONSUMER, producer - size);
  serialWrite(from, length, kind);
}

/** Writes to the serial port alone, at most 64 KiB less a byte. */
export function serialWrite(from: usize, length: u32, kind: u32): void {
  if (!load<u32>(ROOT_SERIAL_ON)) return;
  const begin = atomic.load<u32>(SERIAL_PRODUCER);
  const marks = atomic.load<u32>(SERIAL_MARKS_PRODUCER);
  // A reader of the oldest bytes sees from this that they are about to be overwritten. The exchange is atomic, so it happens before the bytes are
  // written.
  atomic.xchg<u32>(SERIAL_CLAIMED, begin + length);
  let at = begin;
  for (let i: u32 = 0; i < length; i++) store<u8>(SERIAL_DATA + (at++ & (SERIAL_SIZE - 1)), load<u8>(from + i));
  const mark = <usize>SERIAL_MARKS + <usize>(marks & (SERIAL_MARK_COUNT - 1)) * <usize>SERIAL_MARK_SIZE;
  store<u32>(mark, begin);
  store<u16>(mark, <u16>length, SERIAL_MARK_BYTES);
  store<u8>(mark, <u8>kind, SERIAL_MARK_KIND);
  store<f64>(mark, <f64>systemTime(), SERIAL_MARK_TIME);
  atomic.store<u32>(SERIAL_MARKS_PRODUCER, marks + 1);
  atomic.store<u32>(SERIAL_PRODUCER, at);
  atomic.notify(SERIAL_PRODUCER);
}

export function conringProducer(): u32 {
  return load<u32>(ROOT_CONRING_PRODUCER);
}
export function conringConsumer(): u32 {
  return load<u32>(ROOT_CONRING_CONSUMER);
}
export function conringClear(): void {
  store<u32>(ROOT_CONRING_CONSUMER, load<u32>(ROOT_CONRING_PRODUCER));
}
/** Copies the ring's bytes [index, index + length). The caller has made sure that they are there. */
export function conringRead(to: usize, index: u32, length: u32): void {
  const ring = <usize>load<u32>(ROOT_CONRING);
  const mask = load<u32>(ROOT_CONRING_SIZE) - 1;
  for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(ring + ((index + i) & mask)));
}
