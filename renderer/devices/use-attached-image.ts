import { useEffect, useRef, useState } from "react";
import { diskIn, takeDisk, type TakenDisk } from "../create/disk-images.ts";
import { plainName } from "../create/read-file.ts";
import { isCancel, sentence } from "../state/session.ts";

export interface AttachedImage {
  image: TakenDisk | null;
  /** The share of it that the host has; null: none is on its way. */
  done: number | null;
  /** Why the last file is no image. */
  failure: string | null;
  /** Has the host take a file. */
  take: (file: File) => Promise<void>;
  /** One that the host keeps. */
  choose: (image: TakenDisk) => void;
}

/** The image that is to be attached: the one that was given last. A dropped image is taken at once, and another may be dropped later. */
export function useAttachedImage(dropped: File | null): AttachedImage {
  const [image, setImage] = useState<TakenDisk | null>(null);
  const [done, setDone] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const abort = useRef(new AbortController());
  const take = async (file: File): Promise<void> => {
    abort.current.abort();
    const { signal } = (abort.current = new AbortController());
    setFailure(null);
    setImage(null);
    setDone(null);
    try {
      const name = plainName(file.name);
      const sniffed = await diskIn(file, name);
      if (!sniffed)
        throw new Error(`${name} is no disk image: disks are raw, qcow2, VHD or VMDK images, CDs are ISO images.`);
      signal.throwIfAborted();
      setDone(0);
      const tell = (share: number): void => {
        if (!signal.aborted) setDone(share);
      };
      const given = await takeDisk(file, name, sniffed, tell, signal);
      signal.throwIfAborted();
      setImage(given);
    } catch (error) {
      if (!signal.aborted && !isCancel(error)) setFailure(sentence(error));
    } finally {
      if (!signal.aborted) setDone(null);
    }
  };
  const choose = (chosen: TakenDisk): void => {
    abort.current.abort();
    setFailure(null);
    setDone(null);
    setImage(chosen);
  };
  useEffect(() => {
    // Deferred, so that nothing is sent by a mount that is undone at once (React's strict mode).
    const timer = dropped ? setTimeout(() => void take(dropped), 0) : undefined;
    return () => {
      clearTimeout(timer);
      abort.current.abort();
    };
  }, [dropped]);
  return { image, done, failure, take, choose };
}
