import { useEffect, useState } from "react";
import { isCancel, sentence } from "../state/session.ts";
import { Refusal } from "../ui/Refusal.tsx";
import { baseName } from "./devices.ts";
import { convertDisk, type TakenDisk } from "./disk-images.ts";

/** Says what can be done with an image of another hypervisor, and makes a qcow2 image of it, which a guest can write. */
export function ForeignImage({
  path,
  format,
  onConverted,
}: {
  path: string;
  format: string;
  onConverted: (image: TakenDisk) => void;
}) {
  const [isAtWork, setAtWork] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  // Another image may take the place of this one meanwhile.
  useEffect(() => {
    setAtWork(false);
    setRefusal(null);
  }, [path]);
  const name = baseName(path);
  const convert = async (): Promise<void> => {
    setAtWork(true);
    setRefusal(null);
    try {
      onConverted(await convertDisk({ name, path }));
    } catch (error) {
      if (!isCancel(error)) setRefusal(sentence(error));
    } finally {
      setAtWork(false);
    }
  };
  return (
    <div className="disk-facts foreign-image">
      <p>
        A {format.toUpperCase()} image can be read as it is, or written as a disposable disk. For a disk that keeps what
        the guest writes, have the host make a qcow2 image of it: {name} stays as it is.
      </p>
      <button type="button" disabled={isAtWork} onClick={() => void convert()}>
        {isAtWork ? "Being converted: the tasks show how far it is" : "Convert to qcow2"}
      </button>
      <Refusal text={refusal} />
    </div>
  );
}
