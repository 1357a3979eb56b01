import "../styles/images.css";
import { Ellipsis, FilePlus, Plus } from "lucide-react";
import { useRef, useState } from "react";
import type { ImageCheck, ImageReport } from "../../core/api/schema.ts";
import { UnderWay } from "../app/UnderWay.tsx";
import { useJournal } from "../state/journal.ts";
import { act } from "../state/session.ts";
import { ask } from "../state/store.ts";
import { openMenu, type MenuItem } from "../ui/ContextMenu.tsx";
import { sizeText } from "../ui/units.ts";
import { addImages } from "./add.ts";
import { CheckResult, CopyImage, GrowImage, NewImage } from "./dialogs.tsx";
import { KeptKernels } from "./KeptKernels.tsx";
import { useImages } from "./use-images.ts";
import { sizeOf, userText } from "./words.ts";
import { Table, type Columns } from "../ui/Table.tsx";
import { FilePicker } from "../ui/FilePicker.tsx";

const COLUMNS: Columns = [
  "Name",
  "Format",
  { title: "Size", isNumber: true },
  { title: "On disk", isNumber: true },
  "Used by",
  { title: "What can be done", isOnlyHeard: true },
];

type Asked =
  | { what: "new" }
  | { what: "copy" | "grow"; image: ImageReport }
  | { what: "checked"; name: string; result: ImageCheck };

/**
 * Lists disk images: those that the host keeps and those that domains name, with what they are based on and who needs them; and the kernels that the host
 * keeps.
 */
export function ImagesTab() {
  const { list, problem, again } = useImages();
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = (): void => {
    setAsked(null);
    again();
  };
  const check = async ({ path, name }: ImageReport): Promise<void> => {
    const result = await act("imageCheck", { path });
    if (result) setAsked({ what: "checked", name, result });
  };
  const menuOf = (image: ImageReport): MenuItem[] => [
    { label: "Copy or convert…", run: () => setAsked({ what: "copy", image }), disabled: image.size === null },
    { label: "Make larger…", run: () => setAsked({ what: "grow", image }), disabled: image.size === null },
    { label: "Check", run: () => void check(image), disabled: image.size === null },
    { label: "Delete…", run: () => askDelete(image), disabled: !image.isKept, danger: true },
  ];
  if (problem !== null)
    return (
      <p className="banner banner-error" role="alert">
        {problem}
      </p>
    );
  if (!list) return <p className="page-empty">Looking at the disk images…</p>;
  const { images, folder } = list;
  return (
    <div className="images">
      <ImageTools images={images} folder={folder} onNew={() => setAsked({ what: "new" })} />
      {images.length === 0 ? (
        <p className="page-empty">
          There are no disk images yet. Create one, or drop a file on the window: qcow2, raw, VHD, VMDK or ISO.
        </p>
      ) : (
        <Table label="Disk images" className="images-table" columns={COLUMNS}>
          {images.map((image) => (
            <Row key={image.path} image={image} menu={menuOf(image)} />
          ))}
        </Table>
      )}
      <KeptKernels />
      {asked?.what === "new" && <NewImage onClose={close} />}
      {asked?.what === "copy" && <CopyImage image={asked.image} onClose={close} />}
      {asked?.what === "grow" && <GrowImage image={asked.image} onClose={close} />}
      {asked?.what === "checked" && <CheckResult {...asked} onClose={close} />}
    </div>
  );
}

/** How many there are, and ways to more. `folder`: where the host keeps its own; null: it keeps none. */
function ImageTools({
  images,
  folder,
  onNew,
}: {
  images: readonly ImageReport[];
  folder: string | null;
  onNew: () => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const sum = images.reduce((bytes, { allocated }) => bytes + allocated, 0);
  return (
    <div className="images-tools">
      <span className="muted">
        {images.length > 0 &&
          `${images.length === 1 ? "One image" : `${images.length} images`}, ${sizeText(sum)} on this computer. `}
        {folder !== null && (
          <>
            The host keeps its own in <span className="mono">{folder}</span>.
          </>
        )}
      </span>
      <span className="spacer" />
      <FilePicker input={input} multiple onPick={(files) => void addImages(files)} />
      <button type="button" disabled={folder === null} onClick={() => input.current?.click()}>
        <FilePlus size={14} aria-hidden /> Add a file…
      </button>
      <button type="button" disabled={folder === null} onClick={onNew}>
        <Plus size={14} aria-hidden /> New image…
      </button>
    </div>
  );
}

function Row({ image, menu }: { image: ImageReport; menu: MenuItem[] }) {
  const { path, name, isKept, format, allocated, basedOn, users, problem, work } = image;
  const label = `What can be done with ${name}`;
  return (
    <tr onContextMenu={(event) => openMenu(event, label, menu)}>
      <th scope="row">
        <span className="image-name" title={path}>
          {name}
        </span>
        {!isKept && <span className="image-note mono">{path.slice(0, -name.length - 1)}</span>}
        {basedOn !== null && problem === null && (
          <span className="image-note">based on {basedOn.split(/[\\/]/).at(-1)}</span>
        )}
        {problem !== null && <span className="image-note field-error">{problem}</span>}
        {work !== null && <Work name={name} words={work} />}
      </th>
      <td>{format ?? "–"}</td>
      <td className="number">{sizeOf(image)}</td>
      <td className="number">{sizeText(allocated)}</td>
      <td>
        {users.length === 0 ? (
          <span className="muted">nobody</span>
        ) : (
          <ul className="image-users">
            {users.map((user, i) => (
              <li key={i}>{userText(user)}</li>
            ))}
          </ul>
        )}
      </td>
      <td>
        <button
          type="button"
          className="icon-button"
          aria-label={label}
          aria-haspopup="menu"
          onClick={(event) => openMenu(event, label, menu)}
        >
          <Ellipsis size={16} aria-hidden />
        </button>
      </td>
    </tr>
  );
}

/** Shows how far the host's task has come. */
function Work({ name, words }: { name: string; words: string }) {
  const entry = useJournal(({ entries }) =>
    entries.find(({ state, title }) => state === "running" && title.includes(` the disk image ${name}`)),
  );
  return (
    <span className="image-note image-work">
      {words}
      {entry && <UnderWay entry={entry} />}
    </span>
  );
}

function askDelete({ name, size, allocated, users }: ImageReport): void {
  const disk = size === null ? "What is in it" : `A disk of ${sizeText(size)}, with all that is on it,`;
  ask({
    title: `Delete ${name}`,
    text: [
      `${disk} goes to the bin, and can be put back for a day. Then ${sizeText(allocated)} of this computer’s disk will be free.`,
      users.length === 0 ? "" : `It is needed (${users.map(userText).join("; ")}): the host will refuse.`,
    ]
      .filter(Boolean)
      .join(" "),
    action: "Delete",
    onConfirm: () => void act("diskRemove", { name }),
  });
}
