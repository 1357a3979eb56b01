/** The operations of HYPERVISOR_arch_7 are told apart by their numbers. */
import { expect, it } from "vitest";
import * as native from "../../../core/hypervisor/abi/native.ts";

it("no two operations have one number", () => {
  const numbers = Object.entries(native).filter(([name]) => name.startsWith("NATIVE_"));
  expect(numbers.length).toBeGreaterThan(12);
  expect(new Set(numbers.map(([, number]) => number)).size).toBe(numbers.length);
});
