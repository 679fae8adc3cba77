"""A table's rows as LINES: whatever its columns are called, and whatever its figures and dates look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from gateway.kernel.money import EXPONENT, MAX_MINOR
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.payments.statements import figures, moments, parties
from gateway.payments.statements.cells import quoted, tidy
from gateway.payments.statements.countries import is_country
from gateway.payments.statements.figures import STYLES, Style, read_figures
from gateway.payments.statements.finishing import Finish
from gateway.payments.statements.formats.entries import NO_MOMENT, OTHER_CURRENCY
from gateway.payments.statements.formats.headings import Table
from gateway.payments.statements.hints import DateOrder, Hints
from gateway.payments.statements.kinds import ruled
from gateway.payments.statements.lines import KINDS, BadStatement
from gateway.payments.statements.profiles import Column
from gateway.payments.statements.spool import Spool

_FIGURES: tuple[Column, ...] = ("amount", "credit", "debit", "fee", "balance")
_IDS: tuple[Column, ...] = ("operator_id", "our_id", "linked")
_MOVED: tuple[Column, ...] = ("amount", "credit", "debit")
# What the rows are called in which a bank tells a balance.
_BALANCE_ROW = (
    r"\b(solde|report)\b.*\b(initial|d[ée]but|ouverture|pr[ée]c[ée]dent|final|fin|cl[ôo]ture|nouveau|report[ée]?)\b"
    r"|\b(opening|closing|initial|final) balance\b|\bbalance (brought|carried)\b|\b(nouveau|ancien) solde\b"
)
_PARTIES: tuple[Column, ...] = ("payer", "payee")
_AS_THEY_ARE: tuple[Column, ...] = ("reference", "direction")
_ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy")
MOST_BALANCE = 10**15  # minor units
_SAID = 200
_ROUNDED_FROM = 16  # figures: a spreadsheet keeps fifteen
_KIND = pl.Enum(KINDS)

_EITHER_WAY = mark("what stands before three figures may part thousands or decimals: a profile can say which")


@dataclass(frozen=True)
class _Part:
    """Some rows, read as far as they can be before the whole file is known."""

    line: pl.Series
    moments: dict[DateOrder, pl.Series]
    figures: dict[Column, dict[Style, pl.Series]]


class Reading:
    """The rows of one table, read into lines; ``account`` is how it names the account, known once all was read."""

    def __init__(self, table: Table, hints: Hints) -> None:
        self.table, self.hints, self.layout = table, hints, table.layout
        order = hints.date_order
        self.orders: list[DateOrder] = [order] if order is not None else list(_ORDERS)
        decimal = self.layout.decimal if self.layout.name == "profile" else None
        self.styles: list[Style] = [decimal] if decimal is not None else list(STYLES)
        self.zone = self.layout.time_zone or hints.time_zone
        self.rounded: dict[Column, tuple[int, str]] = {}
        self.whole: set[Column] = set()
        self.account: str | None = table.account
        self.parties: set[str] | None = None  # those that are a party to every line so far: in the end we ourselves
        self.rows = Spool()  # the words of each part, in step with them

    def lines(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The lines in the order of the file; ``frames`` are its rows as :func:`cells.rows_from` gives them.

        Nothing is yielded before all was read once, since only the whole tells how figures and dates are meant. Raises
        :class:`BadStatement`.
        """
        parts = [part for frame in frames if (part := self._part(frame)) is not None]
        for column, (row, cell) in self.rounded.items():
            if column not in self.whole:
                self._refuse(
                    mark("{word} was rounded by a spreadsheet to fifteen figures"), row, column, word=quoted(cell)
                )
        order = self._one_order(parts)
        style = self._one_style(parts)
        signs = self.table.signs
        if signs is None:
            negative = any(
                bool((part.figures["amount"][style] < 0).any()) for part in parts if "amount" in part.figures
            )
            signs = "signed" if negative else "by-kind"
        ours = next(iter(self.parties)) if self.parties is not None and len(self.parties) == 1 else None
        finish = Finish(self.table, signs, ours)
        parts.reverse()
        while parts:
            part = parts.pop()
            read = {column: ways[style] for column, ways in part.figures.items()}
            yield finish.lines(self.rows.take(), part.moments[order], read)

    # --- one part at a time

    def _part(self, frame: pl.DataFrame) -> _Part | None:
        frame = self._without_balances(self._moved(self._in_currency(self._dated(frame))))
        if frame.is_empty():
            return None
        read = self._figures(frame)
        at = self._moments(frame)
        text = {column: self._cells(frame, column) for column in self.table.columns}
        columns = {"line": frame["line"], "said": self._said(frame)}
        for one in _IDS:
            if one in text:
                self._check_number(frame, one, text[one])
                columns[one] = parties.numbers(text[one])
        for one in _PARTIES:
            if one in text:
                columns[one] = parties.phones(text[one], self.hints.country)
                self._check_powers(text[one], frame, one)
        columns |= {one: tidy(text[one]) for one in _AS_THEY_ARE if one in text}
        if "payer" in columns and "payee" in columns:
            self._meet(columns["payer"], columns["payee"])
        self.rows.put(pl.DataFrame(columns).hstack(self._kinds(frame)).shrink_to_fit(in_place=True))
        return _Part(frame["line"], at, read)

    def _meet(self, payers: pl.Series, payees: pl.Series) -> None:
        known = {payers[0], payees[0]} - {None} if self.parties is None else self.parties
        self.parties = {
            one for one in known if ((payers == one).fill_null(False) | (payees == one).fill_null(False)).all()
        }

    def _without_balances(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows that tell a balance to begin or end with, and no movement, left out."""
        money = [str(self.table.columns[one]) for one in _MOVED if one in self.table.columns]
        if "balance" not in self.table.columns or not self.table.words or frame.is_empty():
            return frame
        nothing = frame.select(pl.all_horizontal(pl.col(money).is_null()))[:, 0]
        if not nothing.any():
            return frame
        words = frame.select(pl.concat_str(map(str, self.table.words), separator=" ", ignore_nulls=True))[:, 0]
        return frame.filter(~(nothing & words.str.to_lowercase().str.contains(_BALANCE_ROW).fill_null(False)))

    def _dated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows that have a date; one without it must be blank."""
        name = str(self.table.columns["at"])
        at = tidy(frame[name])
        if at.null_count():
            rest = frame.filter(at.is_null())
            filled = rest.select("line", filled=pl.any_horizontal(pl.exclude("line").str.contains(r"\S")))
            for row in filled.filter("filled")["line"].head(1):
                self._refuse(mark("there is no date"), row, "at")
            frame, at = frame.filter(at.is_not_null()), at.drop_nulls()
        return frame.with_columns(at.alias(name))

    def _cells(self, frame: pl.DataFrame, column: Column) -> pl.Series:
        return frame[str(self.table.columns[column])]

    def _refuse(self, why: str, row: int, column: Column | None = None, **values: object) -> None:
        raise BadStatement(why, int(row), None if column is None else self.table.title(column), **values)

    def _words_of(
        self,
        frame: pl.DataFrame,
        column: Column,
        decide: Callable[[str | None], bool | None],
        what: str,
        **values: object,
    ) -> pl.Series:
        """Whether each cell's word is one to keep; a word that nobody knows (None) is refused with its row."""
        cells = self._cells(frame, column)
        unique = cells.unique()
        verdicts = {word: decide(word) for word in unique.head(1000)}
        unknown = [word for word, verdict in verdicts.items() if verdict is None]
        if unknown or len(unique) > 1000:
            strange = (
                cells.is_in(unknown, nulls_equal=True) if unknown else ~cells.is_in(list(verdicts), nulls_equal=True)
            )
            at = strange.arg_max() or 0
            self._refuse(what, frame["line"][at], column, word=quoted(cells[at]), **values)
        kept = [word for word, verdict in verdicts.items() if verdict]
        return cells.is_in(kept, nulls_equal=True)

    def _in_currency(self, frame: pl.DataFrame) -> pl.DataFrame:
        currency, country, only = self.hints.currency, self.hints.country, self.hints.only_country
        if "currency" in self.table.columns:
            keep = self._words_of(
                frame,
                "currency",
                lambda word: (word or "").strip().upper() == currency or (False if only else None),
                OTHER_CURRENCY,
                currency=currency,
            )
            frame = frame.filter(keep)
        if "account" in self.table.columns and not frame.is_empty():
            self.account = self.account or next(iter(tidy(self._cells(frame, "account")).drop_nulls()), None)
            what = mark("the account is {word}, and that of the lines above {account}: give one account at a time")
            self._words_of(
                frame, "account", lambda word: (word or "").strip() == self.account or None, what, account=self.account
            )
        if "country" in self.table.columns and not frame.is_empty():
            what = mark("the country is {word}, and this account's is {country}")
            keep = self._words_of(
                frame,
                "country",
                lambda word: is_country(word or "", country) or (False if only else None),
                what,
                country=country,
            )
            frame = frame.filter(keep)
        return frame

    def _moved(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows that moved money, by their status."""
        if "status" not in self.table.columns or frame.is_empty():
            return frame
        done, left_out = self.layout.completed, self.layout.left_out

        def counts(word: str | None) -> bool | None:
            known = plain(word or "")
            return True if known in done else False if known in left_out else None

        return frame.filter(self._words_of(frame, "status", counts, mark("{word} is no status that we know")))

    def _figures(self, frame: pl.DataFrame) -> dict[Column, dict[Style, pl.Series]]:
        """The amounts of each column in each style that is left; what no style can read is refused."""
        read: dict[Column, dict[Style, pl.Series]] = {}
        worst: dict[Style, tuple[int, Column, str]] = {}
        for column in _FIGURES:
            if column not in self.table.columns:
                continue
            cells = self._cells(frame, column)
            most = MOST_BALANCE if column == "balance" else MAX_MINOR
            read[column] = read_figures(cells, self.hints.currency, most, self.styles)
            for style in self.styles:
                unread = read[column][style].is_null() & cells.is_not_null()
                if unread.any():
                    at = unread.arg_max() or 0
                    found = (int(frame["line"][at]), column, cells[at])
                    worst[style] = min(worst.get(style, found), found)
        alive = [style for style in self.styles if style not in worst]
        if not alive:
            row, column, cell = max(worst.values())
            self._refuse(figures.why_unread(cell, self.hints.currency), row, column, word=quoted(cell))
        self.styles = alive
        return read

    def _moments(self, frame: pl.DataFrame) -> dict[DateOrder, pl.Series]:
        """The moments in each order that is left; what no order can read is refused."""
        cells = self._cells(frame, "at")
        read = moments.read_moments(cells, self.zone, tuple(self.orders), self.table.dates)
        worst = {order: at.is_null().arg_max() or 0 for order, at in read.items() if at.null_count()}
        alive = [order for order in self.orders if order not in worst]
        if not alive:
            at = max(worst.values())
            self._refuse(NO_MOMENT, frame["line"][at], "at", word=quoted(cells[at]))
        self.orders = alive
        return read

    def _check_number(self, frame: pl.DataFrame, column: Column, cells: pl.Series) -> None:
        self._check_powers(cells, frame, column)
        if column in self.whole or (cells.str.len_bytes() < _ROUNDED_FROM).all():
            return
        rounded = parties.maybe_rounded(cells)
        if rounded.any() and column not in self.rounded:
            at = rounded.arg_max() or 0
            self.rounded[column] = (int(frame["line"][at]), cells[at])
        if parties.longer_than_a_spreadsheet_keeps(cells):
            self.whole.add(column)

    def _check_powers(self, cells: pl.Series, frame: pl.DataFrame, column: Column) -> None:
        powers = parties.in_powers(cells)
        if powers.any():
            at = powers.arg_max() or 0
            why = mark("{word} was written by a spreadsheet in powers of ten: export the file again, as text")
            self._refuse(why, frame["line"][at], column, word=quoted(cells[at]))

    def _kinds(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The kind of each line by its words, and the sign that its rule has for it."""
        columns, words = self.table.columns, self.table.words
        places = [str(columns["kind"])] if "kind" in columns else [str(one) for one in words]
        if not places:
            usual = self.layout.usual
            frame = pl.DataFrame({"kind": [usual], "sign": [1 if usual == "payment" else 0]}).select(
                pl.all().repeat_by(frame.height).explode()
            )
            return frame.cast({"kind": _KIND, "sign": pl.Int8})
        text = frame.select(words=pl.concat_str(places, separator=" ", ignore_nulls=True))
        unique = text.unique()
        few = unique.height < frame.height // 4
        found = (unique if few else text).with_columns(self._ruled()).cast({"kind": _KIND, "sign": pl.Int8})
        if few:
            found = text.join(found, on="words", how="left", nulls_equal=True, maintain_order="left")
        return found.drop("words")

    def _ruled(self) -> tuple[pl.Expr, pl.Expr]:
        if not self.layout.kinds:
            kinds, signs = ruled("words", self.layout.rules, self.layout.usual)
            return kinds.alias("kind"), signs.alias("sign")
        known = self.layout.kinds
        kind = (
            pl.col("words").map_elements(lambda words: known.get(plain(words), "other"), pl.String).fill_null("other")
        )
        sign = pl.when(kind == "payment").then(1).when(kind.is_in(["other", "sweep"])).then(0).otherwise(-1)
        return kind.alias("kind"), sign.alias("sign")

    def _said(self, frame: pl.DataFrame) -> pl.Series:
        """The operator's own words, on one line."""
        kind = [self.table.columns["kind"]] if "kind" in self.table.columns else []
        places = [str(one) for one in dict.fromkeys((*kind, *self.table.words))]
        if not places:
            return pl.Series("said", [""], pl.String).new_from_index(0, frame.height)
        said = frame.select(pl.concat_str(places, separator=" · ", ignore_nulls=True).alias("said"))["said"]
        if said.str.contains(r"\s\s|[\r\n\t]|^\s|\s$").any():
            said = said.str.replace_all(r"\s+", " ").str.strip_chars()
        return said.str.slice(0, _SAID) if (said.str.len_bytes() > _SAID).any() else said

    # --- when all was read

    def _one_order(self, parts: list[_Part]) -> DateOrder:
        if len(self.orders) > 1 and self.layout.date_order not in self.orders:
            for part in parts:
                first, second = (part.moments[order] for order in self.orders)
                differ = first.ne_missing(second)
                if first is not second and differ.any():
                    at = differ.arg_max() or 0
                    why = mark("every day could be a month: say whether the day comes first (dmy) or the month (mdy)")
                    self._refuse(why, part.line[at], "at")
        usual = self.layout.date_order
        return usual if usual is not None and usual in self.orders else self.orders[0]

    def _one_style(self, parts: list[_Part]) -> Style:
        """The style of all amounts: in doubt the format's own; francs are in groups of three and not in thousandths."""
        style = self.layout.decimal if self.layout.decimal in self.styles else self.styles[0]
        if len(self.styles) > 1 and (style != self.layout.decimal or not EXPONENT[self.hints.currency]):
            votes = dict.fromkeys(self.styles, 0)
            for part in parts:
                for column, read in part.figures.items():
                    first, second = (read[one] for one in self.styles)
                    if first is second or first.equals(second):
                        continue
                    grouped = None if EXPONENT[self.hints.currency] else figures.thousands_in(first, second)
                    votes[self.styles[0]] += grouped is not False
                    votes[self.styles[1]] += grouped is not True
                    if all(votes.values()):
                        at = first.ne_missing(second).arg_max() or 0
                        self._refuse(_EITHER_WAY, part.line[at], column)
            style = max(votes, key=lambda one: (votes[one], one == style))
        for part in parts:
            for column, read in part.figures.items():
                fine = read[style] == figures.TOO_FINE
                if fine.any():
                    at = fine.arg_max() or 0
                    self._refuse(
                        mark("the amount has more decimals than {currency} has"),
                        part.line[at],
                        column,
                        currency=self.hints.currency,
                    )
        return style
