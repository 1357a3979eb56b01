/** What the window says of what goes with a domain for good, and of what stays, for each kind of domain. */
import { expect, it } from "vitest";
import { goneForGood, imagesText, writtenText, type Goes } from "../../renderer/domain/goes-with.ts";

const PLAIN: Goes & { files: string[] } = {
  ...{ snapshots: 0, images: [], isLinked: false, mergedInto: [], isWritingLost: false, files: [] },
};
const OWN = { files: ["/home/ann/web.img", "/home/ann/data.qcow2"] };
const ONE = ["/home/ann/web.xvda-1a2b3c4d.qcow2"];

it("of one with files of its user's own, as when it was imported, fetched, copied or is a template", () => {
  expect(goneForGood({ ...PLAIN, ...OWN })).toBe(
    "What the domain was is removed. What lies in files of this computer stays: web.img and data.qcow2.",
  );
  expect(goneForGood(PLAIN)).toBe("What the domain was is removed.");
});

it("of one that was made from a snapshot or is a fork's copy: its disks go, and nothing takes in what was written", () => {
  const linked = { ...PLAIN, images: ONE, isLinked: true, isWritingLost: true };
  expect(goneForGood(linked)).toBe(
    "What the domain was is removed with the disk images that were made for it from a snapshot of another domain. What was written to them is gone with them.",
  );
  expect(imagesText([linked, linked])).toBe("the disk images that were made for them from snapshots of other domains");
  expect(goneForGood({ ...linked, snapshots: 1 })).toMatch(
    /with its snapshot and the disk images that were made for it from snapshots\./,
  );
});

it("of one with snapshots: with memory alone, with disks that take in what was written, and with some that do not", () => {
  expect(goneForGood({ ...PLAIN, snapshots: 2 })).toBe("What the domain was is removed with its 2 snapshots.");
  const merged = { ...PLAIN, snapshots: 1, images: ONE, mergedInto: ["/home/ann/web.img"] };
  expect(goneForGood(merged)).toBe(
    "What the domain was is removed with its snapshot and the disk images that were made for its snapshots. What was written to them is merged into web.img before, and that stays.",
  );
  // Those are gone already, and their images not merged yet.
  expect(goneForGood({ ...merged, snapshots: 0 })).toMatch(/^What the domain was is removed with the disk images that/);
  expect(writtenText([{ ...merged, isWritingLost: true }])).toMatch(
    /merged into web\.img before, and that stays\. What was written to the others is gone with them: the images with which/,
  );
  expect(writtenText([{ ...merged, mergedInto: [], isWritingLost: true }])).toMatch(
    /^What was written to them is gone with them: /,
  );
});
