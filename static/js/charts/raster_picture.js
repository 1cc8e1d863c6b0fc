/** A map from the server: its exact edges and its picture, asked for at once. */

import { address, fetchImage, fetchJson } from "../shared/rest.js";

/**
 * @returns {Promise<{raster: object, picture: ImageBitmap | null}>} null: the map has no rows
 */
export async function loadPicture(path, parameters, signal) {
  const theme = document.documentElement.dataset.theme;
  const query = { ...parameters, theme };
  const [raster, image] = await Promise.all([
    fetchJson(address(`${path}/raster`, query), signal),
    fetchImage(address(`${path}/raster.png`, query), signal),
  ]);
  if (raster.image === null) return { raster, picture: null };
  // A commit between the two answers may have changed what there is to draw.
  const isSame = image.tag === raster.tag;
  return { raster, picture: (isSame ? image : await fetchImage(raster.image, signal)).bitmap };
}
