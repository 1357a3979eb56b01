/** A domain that shows whether its disk works as it should while others mean harm. */
import { expect } from "vitest";
import { config } from "./driver.ts";
import type { OnConsole } from "./on-console.ts";

/** Writes data that it can recognise, reads them, and says which round it was. */
const SCRIPT = [
  "i=0; while i=$((i+1)); do",
  "dd if=/dev/urandom of=/tmp/data bs=64k count=8 2>/dev/null",
  "dd if=/tmp/data of=/dev/xvdb bs=64k conv=fsync,notrunc 2>/dev/null || echo WRONG write",
  "echo 3 > /proc/sys/vm/drop_caches",
  "dd if=/dev/xvdb of=/tmp/back bs=64k count=8 2>/dev/null || echo WRONG read",
  'test "$(sha256sum < /tmp/data)" = "$(sha256sum < /tmp/back)" && echo "ROUND $i" || echo WRONG data',
  "usleep 50000; done",
];

/** The configuration of the domain, whose disk is xvdb. */
export function honest(disk: string): string {
  return config("honest", SCRIPT, ["xen-blkfront"], {}, [`disk = ['${disk}']`]);
}

/** Resolves when its disk works as well as before: so many rounds more are done. */
export async function goesOn({ shown, says }: OnConsole, domid: number, rounds = 3): Promise<void> {
  const before = Number([...(await shown(domid)).matchAll(/ROUND (\d+)/g)].at(-1)?.[1] ?? 0);
  await says(domid, new RegExp(`ROUND ${before + rounds}\\D`));
  expect(await shown(domid)).not.toContain("WRONG");
}
