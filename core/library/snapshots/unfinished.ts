/**
 * Domains that are being made from a snapshot are noted in the tree of the domain that has it, before the first of them is in the library, and for as
 * long as not all of them are whole and run. Who is killed meanwhile leaves the note: whoever opens the library next takes away what it names.
 */
import { rm } from "node:fs/promises";
import { Refusal } from "../../toolstack/error.ts";
import type { DomainInfo } from "../../toolstack/messages.ts";
import { shown } from "./bin.ts";
import { keep, type Parts } from "./parts.ts";
import { withoutSnapshot } from "./tree.ts";

/** Noted before it is made. A fork notes its copies when its snapshot is taken (taking.ts). */
export async function begun(parts: Parts, uuid: string, domain: string): Promise<void> {
  await keep(parts, { ...parts.trees.find(uuid)!, making: { domains: [domain], snapshot: null } });
}

/** They are whole and run. Throws Refusal; then the note is there yet. */
export async function finished(parts: Parts, uuid: string): Promise<void> {
  const tree = parts.trees.known(uuid);
  if (tree?.making) await keep(parts, { ...tree, making: null });
}

/** Making them failed, and what was made of them is undone: the note stays only while one of them is there all the same. */
export async function givenUp(parts: Parts, uuid: string): Promise<void> {
  for (const domain of parts.trees.known(uuid)?.making?.domains ?? []) if (await parts.definitions.find(domain)) return;
  await finished(parts, uuid);
}

/** The snapshot is there no more; its images are still to be merged. */
export async function dropped(parts: Parts, uuid: string, id: string): Promise<void> {
  const { trees } = parts;
  await keep(parts, withoutSnapshot(trees.find(uuid)!, id));
  for (const what of ["machine", "screen", "console"] as const)
    await rm(trees.part(uuid, id, what), { force: true }).catch(() => {});
}

/** A domain that was made a moment ago is there no more. It ends first, where it runs. Throws what stands against it; then it is there yet, whole. */
export async function removed(parts: Parts, uuid: string): Promise<void> {
  await ended(parts, uuid);
  await parts.trees.forget(uuid);
  await parts.definitions.remove(uuid);
}

/**
 * The domain does not run, and its backends have let its disks go: it is gone, or the host is. Throws Refusal EBUSY where it can't be ended: then its
 * disks are in use.
 */
async function ended({ toolstack }: Parts, uuid: string): Promise<void> {
  const host = toolstack();
  if (!host) return;
  const found = async (): Promise<DomainInfo | undefined> =>
    (await host.request("list")).find((each) => each.uuid === uuid);
  const unheard: (() => void)[] = [];
  let domain: DomainInfo | undefined;
  const isGone = new Promise<void>((resolve) => {
    const hear = ({ domid }: { domid: number }): void => {
      if (domid === domain?.domid) resolve();
    };
    unheard.push(
      host.on("destroyed", hear),
      host.onClosed(() => resolve()),
    );
  });
  try {
    domain = await found();
    if (!domain) return;
    await host.request("destroy", { domid: domain.domid });
    await isGone;
  } catch (error) {
    // Somebody else has ended it, or the host.
    if (host.closed !== null || !(await found().catch(() => domain ?? true))) return;
    const name = domain?.name ?? uuid;
    throw new Refusal(
      "EBUSY",
      `${name}, which was being made from a snapshot, runs and can't be ended: ${(error as Error).message} Destroy it, and try again.`,
    );
  } finally {
    for (const unhear of unheard) unhear();
  }
}

/**
 * What was being made from that domain's snapshots when somebody was killed goes, with the snapshot that was taken for it alone. Names of the domains
 * that went. Throws Refusal; then it can be done again.
 */
export async function takenAway(parts: Parts, uuid: string): Promise<string[]> {
  const making = parts.trees.find(uuid)?.making;
  if (!making) return [];
  // Images that somebody may need would stay, and nobody would know them any more.
  parts.trees.checkKnown(uuid);
  const names: string[] = [];
  for (const domain of making.domains) {
    const found = await parts.definitions.find(domain);
    if (found) names.push(found.name);
    await removed(parts, domain);
  }
  const snapshot = shown(parts.trees.find(uuid)!).find(({ name }) => name === making.snapshot);
  if (snapshot) await dropped(parts, uuid, snapshot.id);
  await finished(parts, uuid);
  return names;
}

/** Throws Refusal EBUSY for a domain that was being made when somebody was killed, and could not be taken away yet. */
export function checkWhole({ trees }: Parts, uuid: string): void {
  const from = trees.all.find(({ making }) => making?.domains.includes(uuid));
  if (!from) return;
  throw new Refusal(
    "EBUSY",
    `This domain is not whole: it was being made from a snapshot of ${from.name} when that was broken off. It goes when Xenarium is started next.`,
  );
}
