# A relay board with a traffic arm behind it, made of pymodbus. It obeys lines on
# its standard input and answers each with one line:
#   ready?        -> ready, once the server listens
#   set N 0|1     -> ok      (discrete input N)
#   mode NAME     -> ok      (works, before, after, seized, silent)
#   pulses        -> the number of pulses that the arm has felt
#   coil N        -> 0 or 1
#   reset         -> ok      (as it was at the start)
import asyncio
import sys
import threading
import time

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer

ARM, DOWN, UP, CLEAR = 0, 0, 1, 2  # coil; inputs
mode = "works"
pulses = 0
epoch = 0  # counts resets


class Block(ModbusSequentialDataBlock):
    def validate(self, address, count=1):
        if mode == "silent":
            time.sleep(0.8)  # longer than anybody waits
        return super().validate(address, count)


class Coils(Block):
    def release(self, pulse):
        if pulse == pulses:  # a later one begins the time again
            Block.setValues(self, ARM, [0])

    def setValues(self, address, values):
        global pulses
        if address != ARM:
            super().setValues(address, values)
            return
        if mode == "before":
            raise ValueError("the board fails")
        if not values[0]:
            super().setValues(address, values)
            return
        pulses += 1
        threading.Timer(0.15, self.release, [pulses]).start()
        super().setValues(address, values)
        if mode != "seized":
            threading.Timer(0.05, move, [epoch, DOWN, 0]).start()
            threading.Timer(0.10, move, [epoch, UP, 1]).start()
        if mode == "after":
            time.sleep(0.8)


def move(when, contact, on):
    if when == epoch:
        inputs.setValues(contact, [on])


inputs = Block(0, [1, 0, 1, 0, 0, 0, 0, 0])
coils = Coils(0, [0] * 8)


def obey():
    global epoch, mode, pulses
    for line in sys.stdin:
        word = line.split()
        if word[0] == "set":
            inputs.setValues(int(word[1]), [int(word[2])])
            print("ok")
        elif word[0] == "mode":
            mode = word[1]
            print("ok")
        elif word[0] == "pulses":
            print(pulses)
        elif word[0] == "reset":
            mode = "works"
            epoch += 1
            pulses = 0
            coils.setValues(1, [0, 0])
            Block.setValues(coils, ARM, [0])
            inputs.setValues(0, [1, 0, 1, 0, 0, 0, 0, 0])
            print("ok")
        elif word[0] == "coil":
            print(int(coils.getValues(int(word[1]), 1)[0]))
        else:
            print("ready")
        sys.stdout.flush()


async def main():
    threading.Thread(target=obey, daemon=True).start()
    context = ModbusServerContext(slaves=ModbusSlaveContext(di=inputs, co=coils, zero_mode=True), single=True)
    if sys.argv[1] == "rtu":
        await StartAsyncSerialServer(context, framer=ModbusRtuFramer, port=sys.argv[2], baudrate=int(sys.argv[3]), timeout=0.005)
    else:
        await StartAsyncTcpServer(context, address=("127.0.0.1", int(sys.argv[2])))


asyncio.run(main())
