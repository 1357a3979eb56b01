/** A file that a window gives lies in memory once, whoever looks at it: the session, dom0's thread, and the domains that are made of it. */
import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { expect, it } from "vitest";
import { SessionFiles } from "../../core/api/files.ts";
import { givenFiles, type SessionContext } from "../../core/api/handlers/context.ts";
import { ToolstackClient } from "../../core/toolstack/client.ts";

it("goes to dom0 without being copied, when it is looked at and when a domain is made of it", async () => {
  const { port1, port2 } = new MessageChannel();
  const toolstack = new ToolstackClient(port1);
  const files = new SessionFiles();
  const id = files.begin("vmlinuz", 3);
  files.chunk(id, 0, Uint8Array.of(1, 2));
  files.chunk(id, 2, Uint8Array.of(3));
  const given = givenFiles({ files } as SessionContext, { "/boot/vmlinuz": id });

  const answers = [
    toolstack.request("inspect", files.whole(id)).catch(() => {}),
    toolstack.request("create", { config: "", files: given }).catch(() => {}),
  ];
  const [{ args: looked }] = (await once(port2, "message")) as [{ args: { bytes: Uint8Array } }];
  const [{ args: made }] = (await once(port2, "message")) as [{ args: { files: Record<string, Uint8Array> } }];
  const all = [looked.bytes, made.files["/boot/vmlinuz"]!, files.whole(id).bytes];
  expect(all.map((bytes) => [...bytes])).toEqual([1, 2, 3].map(() => [1, 2, 3]));
  // What is written to one of them is in the others: it is the same memory.
  looked.bytes[1] = 77;
  expect(all.map((bytes) => bytes[1])).toEqual([77, 77, 77]);

  toolstack.close("The test is over.");
  await Promise.all(answers);
  port2.close();
});

it("is complete before anybody gets it, and can't be changed afterwards by its window", () => {
  const files = new SessionFiles();
  const id = files.begin("initrd", 2);
  files.chunk(id, 0, Uint8Array.of(1));
  expect(() => files.whole(id)).toThrow("initrd has 1 of its 2 bytes yet.");
  files.chunk(id, 1, Uint8Array.of(2));
  for (const [offset, bytes] of [
    [0, Uint8Array.of(9)],
    [1, Uint8Array.of(9)],
    [2, Uint8Array.of(9)],
  ] as const)
    expect(() => files.chunk(id, offset, bytes)).toThrow(/The next chunk of initrd begins at 2/);
  expect([...files.whole(id).bytes]).toEqual([1, 2]);
});

it("of the application's own is copied once, so that the original is not the session's", () => {
  const files = new SessionFiles();
  const original = Uint8Array.of(5, 6);
  const { file } = files.put("mini.elf", original);
  original[0] = 0;
  expect([...files.whole(file).bytes]).toEqual([5, 6]);
});
