#!/usr/bin/env python3
"""Models that are declared in the script, in a file; no session and no engine is closed."""

from sqlalchemy import ForeignKey, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    orders: Mapped[list["Order"]] = relationship(back_populates="customer", cascade="all, delete-orphan")


class Order(Base):
    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    cents: Mapped[int]
    customer: Mapped[Customer] = relationship(back_populates="orders")


heard = []
event.listen(Customer, "init", lambda *_: heard.append("init"))

engine = create_engine("sqlite:///shop.sqlite")
Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)
session = Session(engine)
session.add(Customer(name="Ada", orders=[Order(cents=250), Order(cents=1)]))
session.commit()

total = select(Customer.name, func.sum(Order.cents)).join(Order).group_by(Customer.name)
print("Content-Type: text/plain\n")
print(session.execute(total).all(), heard, [order.cents for order in session.get(Customer, 1).orders])
