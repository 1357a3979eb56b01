/** Finds domains that share a disk. */
import { identityOf } from "./facts.ts";
import { disksOf, type ImageUser, type Owner } from "./uses.ts";

/** Returns those of `others` that may write an image which `owner` has as a disk. Files are compared by identity, whatever links lead to them. */
export async function writersOf(owner: Owner, others: readonly Owner[]): Promise<Owner[]> {
  const mine = new Set(await filesOf(owner, () => true));
  const found: Owner[] = [];
  for (const each of others)
    if ((await filesOf(each, ({ writes }) => writes)).some((file) => mine.has(file))) found.push(each);
  return found;
}

function filesOf(owner: Owner, wanted: (user: ImageUser) => boolean): Promise<string[]> {
  const disks = disksOf(owner).filter(({ user }) => wanted(user));
  return Promise.all(disks.map(async ({ file }) => (await identityOf(file)) ?? file));
}
