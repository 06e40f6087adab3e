import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** How near to the end counts as reading the end. */
const NEAR_END_PX = 32;

export interface ScrollState {
  readonly scrollTop: number;
  readonly clientHeight: number;
  readonly scrollHeight: number;
}

/**
 * Whether the view keeps following the end after a scroll. Only the reader's own move upwards lets go: growing content moves
 * the end away too, and that is not a wish to stop following.
 */
export function followsAfterScroll(isFollowing: boolean, previousTop: number, now: ScrollState): boolean {
  const remainingPx = now.scrollHeight - now.clientHeight - now.scrollTop;
  if (remainingPx <= NEAR_END_PX) return true;
  return isFollowing && now.scrollTop >= previousTop;
}

/** Keeps an element at its end while its content grows, until the reader scrolls up. */
export function useFollowScroll(content: unknown) {
  const element = useRef<HTMLDivElement>(null);
  const previousTop = useRef(0);
  const isFollowing = useRef(true);
  const [isDetached, setDetached] = useState(false);

  useLayoutEffect(() => {
    const box = element.current;
    if (box === null || !isFollowing.current) return;
    box.scrollTop = box.scrollHeight;
    previousTop.current = box.scrollTop;
  }, [content]);

  useLayoutEffect(() => {
    const box = element.current;
    if (box === null) return;
    const observer = new ResizeObserver(() => {
      if (isFollowing.current) box.scrollTop = box.scrollHeight;
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  const onScroll = () => {
    const box = element.current;
    if (box === null) return;
    isFollowing.current = followsAfterScroll(isFollowing.current, previousTop.current, box);
    previousTop.current = box.scrollTop;
    setDetached(!isFollowing.current);
  };

  const jumpToEnd = () => {
    const box = element.current;
    if (box === null) return;
    isFollowing.current = true;
    setDetached(false);
    box.scrollTop = box.scrollHeight;
  };

  return { element, onScroll, isDetached, jumpToEnd };
}
