/** "1 friend", "3 friends". */
export const many = (count, one, more) => (count === 1 ? `1 ${one}` : `${count} ${more}`);
