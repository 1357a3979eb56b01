/**
 * What the thread of a native domain and dom0's thread tell each other apart from what domains tell each other through Xen: it is about the files of the
 * host's computer, which such a domain has as a driver domain has its disk controllers, and which everybody on this host may want; and about records of
 * requests and disposable disks, which are to outlive the thread. Dom0 asks about devices and networks, for somebody who looks at them.
 */
import type { Access } from "../backends/blk/image-register.ts";
import type { CaptureWanted } from "../network/capture-file.ts";
import type { NetworkReport } from "../network/networks.ts";
import type { LentScratch } from "../storage/scratch.ts";
import type { DeviceReport } from "../xenbus/devices.ts";
import type { MachineParts } from "../../machine/core-instance.ts";

/** An image that the domain has, under the name of a block device that frontends' configurations give as the target of a disk: "/dev/xvda". */
export interface DriverDisk {
  name: string;
  file: string;
  format: string;
  isWritable: boolean;
}

/** What the thread is started with. */
export interface NativeThreadData extends MachineParts {
  domid: number;
  disks: readonly DriverDisk[];
}

/** `use` and `besides` are numbers that the thread has chosen for its uses of images. */
export type ThreadQuestion =
  | { question: "claim"; use: number; besides: number[]; id: string; file: string; access: Access }
  | { question: "checkFrozen"; file: string }
  | { question: "record"; key: string; ring: string; bytes: number }
  | { question: "scratch"; key: string; bytes: number };

export type ThreadNotice =
  | { notice: "closing" | "forget"; use: number }
  | { notice: "readsOnly"; use: number; ids: string[] }
  | { notice: "hold"; domid: number; key: string; reason: string }
  | { notice: "release"; domid: number; key: string }
  | { notice: "dropRecord" | "dropScratch"; key: string };

/** What dom0 asks the thread. */
export interface Dom0Questions {
  devices: { args: null; result: DeviceReport[] };
  networks: { args: null; result: NetworkReport[] };
  capture: { args: CaptureWanted; result: null };
  captureEnd: { args: { file: string }; result: null };
}

/** A question of dom0's with its number. */
export interface Asked {
  asked: number;
  question: keyof Dom0Questions;
  args: unknown;
  /** Of its Claim. */
  claim: SharedArrayBuffer;
}

/** The answer to dom0's question of that number. `code` and `message` are those of a NetworkError. */
export interface AnswerToDom0 {
  asked: number;
  result?: unknown;
  error?: { code: string; message: string };
}

export type FromThread = (ThreadQuestion & { number: number }) | ThreadNotice | AnswerToDom0;

/** The answer to the question of that number: without `error` it is yes. `code` and `message` are those of a StoreError. */
export interface Answer {
  number: number;
  /** To "record". */
  record?: SharedArrayBuffer;
  /** To "scratch". */
  scratch?: LentScratch;
  error?: { code: string; message: string };
}

export type ToThread = Answer | Asked;
