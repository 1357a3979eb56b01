/**
 * What the DSDT of a PVH domain defines in Xen 4.17: processors, each of which is there if its entry of the MADT says so, and the method that compares
 * those entries with a map of processors at a port, and tells the guest's kernel what changed. It defines no sleep states. As in Xen nothing answers at
 * those ports: vCPUs are plugged in by xenstore.
 *
 * Everything has the names that it has in Xen's table, and stands in the same order: but for its header it is that table, byte for byte
 * (test/dom0/builder/acpi.test.ts).
 */
import {
  SYSTEM_IO,
  SYSTEM_MEMORY,
  add,
  and,
  argument,
  buffer,
  call,
  element,
  equal,
  fields,
  give,
  integer,
  less,
  local,
  method,
  name,
  named,
  not,
  notify,
  otherwise,
  processor,
  region,
  scope,
  shiftRight,
  sleep,
  store,
  subtract,
  text,
  toBuffer,
  when,
} from "./aml.ts";

/** The processors that it defines, as many as an HVM domain may have in Xen. The method writes to as many entries of the MADT, however many it has. */
export const DSDT_PROCESSORS = 128;
/** Bytes of struct acpi_info, from which the DSDT knows where the MADT is. */
export const ACPI_INFO_BYTES = 40;

/** The processors' register block, and the map of the processors that are online. */
const PROCESSOR_PORT = 0xb010;
const PROCESSOR_PORTS = 6;
const MAP_PORT = 0xaf00;
const EJECT_MS = 200;
/** The status of a device that is present, enabled, shown, and works. */
const PRESENT = 0xf;
const DEVICE_CHECK = 1;
const EJECT_REQUEST = 3;
/** A local APIC's entry of the MADT that is not enabled. */
const NO_APIC = [0, 8, 0xff, 0xff, 0, 0, 0, 0];

const ONE = integer(1);
const processorName = (n: number): string => `PR${n.toString(16).toUpperCase().padStart(2, "0")}`;

/** The definitions of a DSDT. `info` is the guest-physical address of struct acpi_info. */
export function dsdtDefinitions(info: number): Buffer {
  const all = Array.from({ length: DSDT_PROCESSORS }, (_, n) => n);
  return Buffer.concat([
    scope("_SB", region("BIOS", SYSTEM_MEMORY, integer(info), integer(ACPI_INFO_BYTES)), infoFields()),
    scope(
      "_SB",
      region("MSUM", SYSTEM_MEMORY, name("MSUA"), ONE),
      fields("MSUM", ["MSU", 8]),
      method(
        "PMAT",
        2,
        when(less(argument(0), name("NCPU")), give(toBuffer(argument(1)))),
        give(buffer(...NO_APIC)),
      ),
      ...all.map(definition),
      region("PRST", SYSTEM_IO, integer(MAP_PORT), integer(DSDT_PROCESSORS / 8)),
      fields("PRST", ["PRS", DSDT_PROCESSORS]),
      method("PRSC", 0, store(toBuffer(name("PRS")), local(0)), ...all.flatMap(comparison), give(ONE)),
    ),
    scope("_GPE", method("_E02", 0, call("\\_SB.PRSC"))),
  ]);
}

/** struct acpi_info. */
const infoFields = (): Buffer =>
  fields(
    "BIOS",
    ["UAR1", 1],
    ["UAR2", 1],
    ["LTP1", 1],
    ["HPET", 1],
    [null, 12],
    ["NCPU", 16],
    ...["PMIN", "PLEN", "MSUA", "MAPA", "VGIA", "LMIN", "HMIN", "LLEN", "HLEN"].map((each): [string, number] => [
      each,
      32,
    ]),
  );

/** A processor. It is there if it is one of the domain's and its entry of the MADT is enabled. */
function definition(n: number): Buffer {
  const isEnabled = when(name("FLG"), give(integer(PRESENT)));
  return processor(
    processorName(n),
    n,
    PROCESSOR_PORT,
    PROCESSOR_PORTS,
    named("_HID", text("ACPI0007")),
    named("_UID", integer(n)),
    region("MATR", SYSTEM_MEMORY, add(name("MAPA"), integer(8 * n)), integer(8)),
    fields("MATR", ["MAT", 64]),
    fields("MATR", [null, 32], ["FLG", 1]),
    // Each domain has the first one.
    method("_MAT", 0, give(n === 0 ? toBuffer(name("MAT")) : call("PMAT", integer(n), name("MAT")))),
    method("_STA", 0, n === 0 ? isEnabled : when(less(integer(n), name("NCPU")), isEnabled), give(integer(0))),
    method("_EJ0", 1, sleep(EJECT_MS)),
  );
}

/** What PRSC does about a processor: if its entry does not say what the map says it is changed, the MADT's checksum with it, and the kernel is told. */
function comparison(n: number): Buffer[] {
  const [map, byte, bit] = [local(0), local(1), local(2)];
  const flag = name(`^${processorName(n)}.FLG`);
  const sum = name("MSU");
  return [
    n % 8 === 0 ? store(element(map, integer(n / 8)), byte) : shiftRight(byte, ONE, byte),
    and(byte, ONE, bit),
    when(
      not(equal(bit, flag)),
      store(bit, flag),
      when(equal(bit, ONE), notify(processorName(n), integer(DEVICE_CHECK)), subtract(sum, ONE, sum)),
      otherwise(notify(processorName(n), integer(EJECT_REQUEST)), add(sum, ONE, sum)),
    ),
  ];
}
