import { useEffect, useState } from "react";
import type { DiskImage } from "../../core/api/schema.ts";
import { useHostRuns } from "../state/live.ts";
import { request, sentence } from "../state/session.ts";
import { toast } from "../state/store.ts";
import { sizeText } from "../ui/units.ts";

/** Lists the images that the host keeps, to choose one from. Shows nothing if there are none. */
export function KeptImages({
  onChoose,
}: {
  onChoose: (image: { name: string; path: string; format: string; isCd: boolean }) => void;
}) {
  const runs = useHostRuns();
  const [images, setImages] = useState<DiskImage[]>([]);
  useEffect(() => {
    if (!runs) return;
    let current = true;
    request("diskImages", {}).then(
      (answer) => current && setImages(answer),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [runs]);
  if (images.length === 0) return null;
  const choose = async (name: string): Promise<void> => {
    const image = images.find((each) => each.name === name);
    if (!image) return;
    try {
      onChoose({ ...image, ...(await request("inspectDisk", { path: image.path })) });
    } catch (error) {
      toast("error", sentence(error));
    }
  };
  return (
    <select aria-label="An image that was given before" value="" onChange={({ target }) => void choose(target.value)}>
      <option value="" disabled>
        Given before…
      </option>
      {images.map(({ name, bytes }) => (
        <option key={name} value={name}>
          {name}, {sizeText(bytes)}
        </option>
      ))}
    </select>
  );
}
