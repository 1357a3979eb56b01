/** The check that the hypervisor knows the types of guests by their structures only. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { namedTypes, namesOfTypes } from "../../core/guest-types.mjs";

const read = (file: string): string => readFileSync(new URL(`../../core/hypervisor/${file}`, import.meta.url), "utf8");
const names = namesOfTypes(read("guest/type.ts"));

it("takes the names from the structure's own file", () => {
  expect(names).toEqual(
    expect.arrayContaining(["GUEST_NATIVE", "GUEST_PV64", "GUEST_PVH", "TRAITS_NATIVE", "TRAITS_PV", "TRAITS_PVH"]),
  );
  expect(names).not.toContain("GUEST_TYPES");
});

it.each(["sched/loop.ts", "domain/lifecycle.ts", "control/domctl.ts", "hypercall/dispatch.ts"])(
  "finds none in %s, and each way of naming one that is put there",
  (file) => {
    const text = read(file);
    expect(namedTypes(file, text, names)).toEqual([]);
    const worse = `import { pvhEnter } from "../guest/pvh/vcpu";
import { GUEST_PVH, isOfType, typeOf } from "../guest/type";
${text}
export function special(d: Domain): bool {
  return typeOf(d).traits == TRAITS_PV;
}
`;
    const found = namedTypes(file, worse, names).map((line) => line.replace(/:\d+:/, ":"));
    expect(found).toEqual(["guest/pvh/vcpu", "GUEST_PVH", "isOfType", "TRAITS_PV"].map((what) => `${file}: ${what}`));
  },
);

it("allows what a type can do, comments, and the type's own folder", () => {
  const text = `// GUEST_PVH is not named here.
import { runsOnPcpus, typeOf } from "../guest/type";
const text = "GUEST_PVH";
`;
  expect(namedTypes("sched/wake.ts", text, names)).toEqual([]);
  expect(namedTypes("guest/table.ts", 'import { pvhEnter } from "./pvh/vcpu";\nGUEST_PVH;\n', names)).toEqual([]);
});

it("allows the two exceptions in their files only", () => {
  expect(namedTypes("boot/dom0.ts", "GUEST_NATIVE;\nGUEST_PVH;\n", names)).toEqual(["boot/dom0.ts:2: GUEST_PVH"]);
  expect(namedTypes("boot/start.ts", "GUEST_NATIVE;\n", names)).toEqual(["boot/start.ts:1: GUEST_NATIVE"]);
});
