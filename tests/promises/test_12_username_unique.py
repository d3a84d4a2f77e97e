"""12. Username unique, case- and confusable-folded."""

import asyncio

from tests.people import Person
from tests.serving import Server


async def test_12_fifty_at_once_make_one_account(server: Server) -> None:
    people = [Person(server, "Ann" if number % 2 else "ann", number) for number in range(50)]
    bodies = [person.sign_up_body(email=f"person{number}@example.org") for number, person in enumerate(people)]
    answers = await asyncio.gather(*(server.call("POST", "/api/v1/accounts", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201, *[409] * 49]
    assert {answer.type for answer in answers if answer.status == 409} == {"username_taken"}
    # Whoever was refused left nothing: address and number are free for another name.
    loser = next(number for number, answer in enumerate(answers) if answer.status == 409)
    again = await server.call("POST", "/api/v1/accounts", bodies[loser] | {"username": "somebody"})
    assert again.status == 201, again


async def test_12_a_name_that_looks_like_a_taken_one_is_taken(server: Server) -> None:
    await server.person("bill.modern")
    for number, name in enumerate(["biII.modern", "b1ll.modern", "bill_modem", "BILL.MODERN"], 100):
        answer = await server.call("POST", "/api/v1/accounts", Person(server, name, number).sign_up_body(email=f"{number}@example.org"))
        assert (answer.status, answer.type) == (409, "username_taken"), name


async def test_12_address_and_number_are_unique_and_not_told_apart(server: Server) -> None:
    anna = await server.person("anna")
    same_mail = Person(server, "ben", 50).sign_up_body(email=anna.email.upper())
    same_phone = Person(server, "cara", 51).sign_up_body(phone="+49 151 12" + anna.phone[-6:])
    refusals = [await server.call("POST", "/api/v1/accounts", body) for body in (same_mail, same_phone)]
    assert [(answer.status, answer.type) for answer in refusals] == [(409, "contact_taken")] * 2
    problems = [{key: value for key, value in answer.json.items() if key != "instance"} for answer in refusals]
    assert problems[0] == problems[1]
