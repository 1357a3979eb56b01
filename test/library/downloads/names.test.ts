/** All addresses that a name stands for decide where a download of the window may go. */
import type { LookupAddress } from "node:dns";
import { expect, it, vi } from "vitest";

const ANSWERS: Record<string, string[]> = {
  "outside.example": ["93.184.216.34", "93.184.216.35"],
  "mixed.example": ["93.184.216.34", "10.0.0.7"],
  "inside.example": ["10.0.0.7"],
  "nothing.example": [],
};
vi.mock("node:dns", async (original) => ({
  ...(await original<typeof import("node:dns")>()),
  lookup: (name: string, _: object, callback: (error: null, found: LookupAddress[]) => void) =>
    callback(
      null,
      ANSWERS[name]!.map((address) => ({ address, family: 4 })),
    ),
}));

it("is where it leads only if every address of it lies outside", async () => {
  const { internet } = await import("../../../core/library/downloads/reach.ts");
  const looked = (name: string): Promise<string> =>
    new Promise((resolve) => {
      const url = new URL(`http://${name}/x`);
      internet(new Set()).lookup(url)(name, {}, (error, address) => resolve(error?.message ?? (address as string)));
    });
  expect(await looked("outside.example")).toBe("93.184.216.34");
  for (const name of ["mixed.example", "inside.example", "nothing.example"])
    expect(await looked(name), name).toMatch(/is this computer or in its own network/);
});
