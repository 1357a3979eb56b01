/** Takes in the files of a new domain. Each intake is a task whose failure is reported, and which can be ended here and in the task list. */
import { useEffect, useRef, useState } from "react";
import type { Fetched, TakenImage } from "../../core/api/schema.ts";
import { isCancel, request, sentence } from "../state/session.ts";
import { NEW_CONFIG, withField } from "./fields.ts";
import { releaseFiles, takeFiles, unlessAborted, type Progress, type TakenFile } from "./intake.ts";
import { plainName } from "./read-file.ts";
import type { Draft } from "./useDraft.ts";

/** The share that is in; null means that it is not known. */
export interface Reading {
  done: number | null;
  what: string;
}

export interface Intake {
  /** null when nothing is being taken in. */
  reading: Reading | null;
  /** The files that were not taken, and why. */
  refused: readonly string[];
  stop: () => void;
  take: (chosen: File[], forDisk?: number | null) => void;
  takeBundled: () => void;
  takeHostKernel: (release: string) => void;
  /** Takes a kernel or RAM disk that the host keeps. The config names it by its path. */
  takeKept: (name: string, path: string, size: number) => void;
  takeFetched: (fetched: Fetched) => void;
}

type Work = (progress: Progress, signal: AbortSignal) => Promise<void>;

/** `drops`: taken as soon as they are there. One after the other: what is stopped is what comes now, and what waits behind it. */
export function useIntake({ edit, fail, use, useDisks }: Draft, drops: readonly File[][]): Intake {
  const [refused, setRefused] = useState<string[]>([]);
  const [reading, setReading] = useState<Reading | null>(null);
  const abort = useRef(new AbortController());
  const last = useRef(Promise.resolve());
  /** The number of drops that have begun to be taken in. */
  const begun = useRef(0);
  /** Intakes that are under way or wait. */
  const unfinished = useRef(0);

  const refuse = (reasons: string[]): void => setRefused((before) => [...new Set([...before, ...reasons])]);
  const intake = (what: string, work: Work): Promise<void> => {
    if (abort.current.signal.aborted) abort.current = new AbortController();
    const { signal } = abort.current;
    // What was wrong with the files before them is said until one gives others, having seen it.
    if (unfinished.current++ === 0) {
      fail(null);
      setRefused([]);
    }
    return (last.current = last.current.then(() => taken(what, work, signal)).finally(() => void unfinished.current--));
  };
  const taken = async (what: string, work: Work, signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return;
    setReading({ done: 0, what });
    try {
      await work((done, file) => setReading({ done, what: file }), signal);
    } catch (error) {
      if (!signal.aborted && !isCancel(error)) refuse([sentence(error)]);
    } finally {
      setReading(null);
    }
  };
  const take = (chosen: File[], forDisk: number | null = null): void =>
    void intake(chosen.map(({ name }) => plainName(name)).join(", "), async (progress, signal) => {
      const result = await takeFiles(chosen, progress, signal);
      refuse(result.refused);
      if (result.config) {
        const { text } = result.config;
        edit(() => text);
      }
      use(result.files);
      useDisks(result.disks, forDisk);
    });
  const takeKept = (name: string, path: string, size: number): void =>
    void intake(name, async (progress, signal) => {
      progress(null, name);
      const description = await unlessAborted(request("keptKernelInspect", { name }), signal);
      const { bootable, ramdisk, reason, summary } = description;
      if (!bootable && !ramdisk) refuse([`${name}: ${reason ?? summary}`]);
      else use([{ name: path, size, id: null, description }]);
    });

  useEffect(() => {
    // Deferred, so that nothing is sent by a mount that is undone at once (React's strict mode).
    const timer = setTimeout(() => {
      while (begun.current < drops.length) take(drops[begun.current++]!);
    }, 0);
    return () => clearTimeout(timer);
  }, [drops]);
  useEffect(() => () => abort.current.abort(), []);

  return {
    reading,
    refused,
    stop: () => abort.current.abort(),
    take,
    takeKept,
    takeBundled: () =>
      void intake("the bundled guest", async (progress, signal) => {
        const { config, files } = await unlessStopped(request("takeBundled", {}), signal);
        edit((before) => (before === NEW_CONFIG ? config : before));
        use(await described(files, progress, signal));
      }),
    takeHostKernel: (release) =>
      void intake(`this computer’s kernel ${release}`, async (progress, signal) => {
        progress(null, release);
        const { files } = await unlessStopped(request("takeHostKernel", { release }), signal);
        if (files.length === 1) edit((before) => withField(before, "ramdisk", ""));
        use(await described(files, progress, signal));
      }),
    takeFetched: ({ name, path, bytes, kind }) => {
      if (kind !== "disk") takeKept(name, path, bytes);
      else
        request("inspectDisk", { path }).then(
          ({ format, isCd }) => useDisks([{ name, path, format, isCd }]),
          (error: unknown) => fail(sentence(error)),
        );
    },
  };
}

/** What the host takes in by itself. Rejects as soon as the signal aborts; the host keeps nothing of what it has taken in after that. */
function unlessStopped<T extends { files: TakenImage[] }>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  answer.then(
    ({ files }) => signal.aborted && releaseImages(files),
    () => {},
  );
  return unlessAborted(answer, signal);
}

function releaseImages(images: TakenImage[]): void {
  releaseFiles(images.map(({ file: id }) => ({ id })));
}

/** Returns what the host has taken in, with a description. If it cannot be described, the host keeps nothing of it. */
async function described(images: TakenImage[], progress: Progress, signal: AbortSignal): Promise<TakenFile[]> {
  const taken: TakenFile[] = [];
  try {
    for (const { name, size, file } of images) {
      progress(null, name);
      const description = await unlessAborted(request("fileInspect", { file }), signal);
      taken.push({ name, size, id: file, description });
    }
  } catch (error) {
    releaseImages(images);
    throw error;
  }
  return taken;
}
