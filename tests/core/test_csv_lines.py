"""CSV as InfluxDB answers becomes line protocol with every digit."""

import pytest

from edge.adapters import history_tables
from edge.core.csv_lines import COLUMNS, fields_of, lines_of


def test_each_value_stays_as_it_is_written() -> None:
    answer = (
        "name,tags,time,power_w,p_on,low_w,high_w,on,warmup,model\n"
        'appliance,"appliance=Heat\\ pump\\,x",1763700000000,5116.084083144478,0.5,-0.1,12,true,false,"a ""b\\c"\n'
        "appliance,appliance=other,1763700000000,7,,,,,,\n"
        "appliance,appliance=other,1763700001000,,,,,,,\n"
    )
    assert list(lines_of("appliance", "home", answer)) == [
        "appliance,appliance=Heat\\ pump\\,x,building=home power_w=5116.084083144478,p_on=0.5,low_w=-0.1,high_w=12,"
        'on=true,warmup=false,model="a \\"b\\\\c" 1763700000000',
        "appliance,appliance=other,building=home power_w=7 1763700000000",
    ]
    mains = "name,tags,time,power_w,voltage_v,flags\nmains,,5000,-3.5,,4\nmains,,6000,1,230.1,0\n"
    assert list(lines_of("mains", "home", mains)) == [
        "mains,building=home power_w=-3.5,flags=4i 5000",
        "mains,building=home power_w=1,voltage_v=230.1,flags=0i 6000",
    ]
    assert list(lines_of("mains", "home", "")) == []


def test_something_else_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no columns of mains"):
        list(lines_of("mains", "home", "error,tags\nx,y\n"))


def test_the_columns_are_those_that_history_keeps() -> None:
    for kind in COLUMNS:
        assert fields_of(kind) and set(fields_of(kind)) == set(history_tables.fields(kind))
