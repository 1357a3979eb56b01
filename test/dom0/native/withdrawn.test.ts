/** What dom0 asks the thread of a native domain and no longer waits for: it is never done. The two ends are in this thread here. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { Claim } from "../../../core/dom0/native/claim.ts";
import { Dom0Asks } from "../../../core/dom0/native/dom0-asks.ts";
import type { AnswerToDom0, Dom0Questions, FromThread } from "../../../core/dom0/native/messages.ts";
import { Networks } from "../../../core/dom0/network/networks.ts";
import type { BackendDevices } from "../../../core/dom0/xenbus/devices.ts";
import { temporaryFolder } from "../../temporary.ts";

let folder: string;
let networks: Networks;
let asks: Dom0Asks;
let answers: AnswerToDom0[];

beforeEach(() => {
  folder = temporaryFolder("withdrawn");
  networks = new Networks(() => 0);
  networks.bridge("xenbr0");
  answers = [];
  const devices = { reports: () => [] } as unknown as BackendDevices;
  asks = new Dom0Asks(devices, networks, (message: FromThread) => answers.push(message as AnswerToDom0));
});

const file = (name: string): string => path.join(folder, name);
/** The question as it comes to the thread. */
function asked<Q extends keyof Dom0Questions>(
  claim: Claim,
  question: Q,
  args: Dom0Questions[Q]["args"],
): Promise<void> {
  return asks.receive({ asked: answers.length + 1, question, args, claim: claim.shared });
}
const capture = (claim: Claim, name: string): Promise<void> =>
  asked(claim, "capture", { network: "xenbr0", port: null, file: file(name) });
const captures = (): string[] => networks.report().flatMap((network) => network.captures.map((each) => each.file));

describe("a capture", () => {
  it("that nobody waits for any more when the thread hears of it does not begin, and its file is not made", async () => {
    const claim = new Claim();
    expect(claim.withdraw()).toBe(true);
    await capture(claim, "a.pcap");
    expect([captures(), readdirSync(folder)]).toEqual([[], []]);
    expect(answers).toEqual([{ asked: 1, error: expect.objectContaining({ code: "ECANCELED" }) }]);
  });

  it("that is withdrawn while its file is made does not begin, and leaves no file", async () => {
    const claim = new Claim();
    const begun = capture(claim, "a.pcap");
    expect(claim.withdraw()).toBe(true);
    await begun;
    expect([captures(), readdirSync(folder)]).toEqual([[], []]);
    // Whoever asks again, with the same name, gets it.
    await capture(new Claim(), "a.pcap");
    expect(captures()).toEqual([file("a.pcap")]);
    networks.stop();
  });

  it("that has begun can't be withdrawn, and its end, which is, does not end it", async () => {
    const claim = new Claim();
    await capture(claim, "a.pcap");
    expect(claim.withdraw()).toBe(false);
    const end = new Claim();
    end.withdraw();
    await asked(end, "captureEnd", { file: file("a.pcap") });
    expect(captures()).toEqual([file("a.pcap")]);
    await asked(new Claim(), "captureEnd", { file: file("a.pcap") });
    expect(captures()).toEqual([]);
    expect(answers.map(({ error }) => error?.code ?? "")).toEqual(["", "ECANCELED", ""]);
  });
});
