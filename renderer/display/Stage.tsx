import {
  useMemo,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
} from "react";
import { useWheel } from "../ui/wheel.ts";
import { GuestKeyboard } from "./guest-keyboard.ts";
import type { ScreenLink } from "./screen-link.ts";

const isMac = /Mac/.test(navigator.platform);

export type StageScale = "fit" | "actual";

/** The pixels of a wheel's travel that make one step for the guest. */
const STEP_PIXELS = 60;
const MOST_STEPS = 16;

/** The buttons of a pointer event: 1 left, 2 middle, 4 right. */
function buttonsOf({ buttons }: { buttons: number }): number {
  return (buttons & 1) | (buttons & 4 ? 2 : 0) | (buttons & 2 ? 4 : 0);
}

/** Which of the guest's pixels the pointer is on: the nearest, where it is beside the screen. */
function placeOn(canvas: HTMLCanvasElement, { clientX, clientY }: { clientX: number; clientY: number }) {
  const box = canvas.getBoundingClientRect();
  const within = (at: number, from: number, length: number, pixels: number): number =>
    Math.max(0, Math.min(pixels - 1, Math.floor(((at - from) * pixels) / length)));
  return {
    x: within(clientX, box.left, box.width, canvas.width),
    y: within(clientY, box.top, box.height, canvas.height),
  };
}

/** The screen itself. It is scaled, and has the keyboard while it has the focus. */
export function Stage({
  name,
  link,
  canvas,
  stage,
  size,
  scale,
}: {
  name: string;
  link: ScreenLink | null;
  canvas: RefObject<HTMLCanvasElement | null>;
  stage: RefObject<HTMLDivElement | null>;
  size: { width: number; height: number } | null;
  scale: StageScale;
}) {
  const keyboard = useMemo(() => new GuestKeyboard((keycode, isDown) => link?.key(keycode, isDown), isMac), [link]);
  const room = useRoom(stage);
  const factor =
    scale === "fit" && size && room.width > 0 ? Math.min(room.width / size.width, room.height / size.height) : 1;

  const point = (event: PointerEvent): void => {
    const { x, y } = placeOn(canvas.current!, event);
    link?.point(x, y, buttonsOf(event));
  };
  const key = (event: KeyboardEvent, isDown: boolean): void => {
    if (event.code === "BracketRight" && event.ctrlKey && !event.shiftKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      event.stopPropagation();
      if (isDown) document.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
      return;
    }
    if (!(isDown ? keyboard.press(event) : keyboard.release(event))) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const travelled = useRef(0);
  useWheel(canvas, (event) => {
    event.preventDefault();
    travelled.current += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * STEP_PIXELS;
    const steps = Math.trunc(travelled.current / STEP_PIXELS);
    if (steps === 0) return;
    travelled.current -= steps * STEP_PIXELS;
    const { x, y } = placeOn(canvas.current!, event);
    link?.wheel(x, y, Math.max(-MOST_STEPS, Math.min(MOST_STEPS, steps)));
  });
  return (
    <div
      ref={stage}
      className={`display-stage display-${scale}`}
      role="application"
      aria-label={`Screen of ${name}. Keys go to the guest; Ctrl+] leaves it.`}
      tabIndex={0}
      onKeyDown={(event) => key(event, true)}
      onKeyUp={(event) => key(event, false)}
      onBlur={() => {
        keyboard.forget();
        link?.releaseAll();
      }}
      onContextMenu={(event) => event.preventDefault()}
    >
      <canvas
        ref={canvas}
        className="display-screen"
        style={size ? { width: size.width * factor, height: size.height * factor } : {}}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          point(event);
        }}
        onPointerMove={point}
        onPointerUp={point}
        onPointerCancel={point}
      />
    </div>
  );
}

/** How large the element is, in pixels. */
function useRoom(stage: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const box = stage.current!;
    const fit = new ResizeObserver(() => setRoom({ width: box.clientWidth, height: box.clientHeight }));
    fit.observe(box);
    return () => fit.disconnect();
  }, [stage]);
  return room;
}
