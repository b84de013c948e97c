using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Peer;

/// <summary>Offences against native memory, each of which the checks must end the process for.</summary>
internal static unsafe class Violations
{
    public static void Commit(string kind)
    {
        var memory = new CheckedMemory();
        var block = (byte*)memory.Take(100);
        switch (kind)
        {
            case "freed twice":
                memory.Give(block);
                memory.Give(block);
                break;
            case "past its end":
                block[100] = 0;
                memory.Give(block);
                break;
            case "before its start":
                block[-1] = 0;
                memory.Give(block);
                break;
            case "after it was freed":
                memory.Give(block);
                block[50] = 0;
                memory.Close();
                break;
            case "never freed":
                memory.Close();
                break;
            case "another connection":
                new CheckedMemory().Give(block);
                break;
            case "given back twice":
                var pool = new ChunkPool();
                var chunk = pool.Rent();
                pool.Return(chunk);
                pool.Return(chunk);
                break;
            default:
                throw new ArgumentException("unknown kind", nameof(kind));
        }
    }
}
