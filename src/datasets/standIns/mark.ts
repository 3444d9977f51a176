/** A file of this name in a folder says that the data in it are made up, and how. */
export const standInMark = "STAND-IN.txt";
