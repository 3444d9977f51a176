import { UserError } from "../../types";

/** Colours of a picture, three bytes each: red, green, blue. */
export interface PpmPicture {
  readonly height: number;
  readonly width: number;
  readonly rgb: Uint8Array;
}

/** A header is shorter, and a picture smaller. */
const most = { header: 40, bytes: 2 ** 28 };

/**
 * Pictures that come one after another as binary PPM files of 8 bits (Netpbm's P6), each made when it is whole. One that breaks off
 * is left out: who writes them tells whether all went well. Error: anything else; `where` begins it.
 */
export async function* ppmPictures(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
): AsyncGenerator<PpmPicture, void, void> {
  let header = "";
  let picture: PpmPicture | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (!picture) {
        header += String.fromCharCode(chunk[at++]);
        picture = begun(header);
        if (!picture && header.length > most.header) throw new UserError(`${where}: expected PPM pictures`);
        continue;
      }
      const part = chunk.subarray(at, at + picture.rgb.length - filled);
      picture.rgb.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < picture.rgb.length) continue;
      yield picture;
      [header, picture, filled] = ["", undefined, 0];
    }
  }
}

/** The picture to fill, once its header is whole. */
function begun(header: string): PpmPicture | undefined {
  const [, width, height] = /^P6\n([1-9]\d*) ([1-9]\d*)\n255\n$/.exec(header)?.map(Number) ?? [];
  if (width === undefined || width * height * 3 > most.bytes) return;
  return { height, width, rgb: new Uint8Array(width * height * 3) };
}
