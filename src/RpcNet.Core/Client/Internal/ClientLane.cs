using System.Collections.Concurrent;
using System.Text;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Client.Internal;

/// <summary>The client's end of one lane: the request stream and the methods defined on it.</summary>
internal sealed class ClientLane : IDisposable
{
    private readonly ConcurrentDictionary<RpcMethod, uint> _methods = new(ReferenceEqualityComparer.Instance);
    private readonly Lock _defining = new();

    private ClientLane(LaneWriter writer) => Writer = writer;

    public LaneWriter Writer { get; }

    public static async Task<ClientLane> OpenAsync(
        ITransportConnection connection, int laneId, DispatchQueue dispatch, int maxQueuedBytes, Action<Exception> onFailed,
        CancellationToken cancellationToken)
    {
        var stream = await connection.OpenStreamAsync(TransportStreamDirection.Unidirectional, cancellationToken).ConfigureAwait(false);
        var preface = new byte[2 * VarInt.MaxLength];
        var length = VarInt.Write(preface, StreamType.Lane);
        length += VarInt.Write(preface.AsSpan(length), laneId);
        await stream.WriteAsync(preface.AsMemory(0, length), endStream: false, cancellationToken).ConfigureAwait(false);
        return new ClientLane(new LaneWriter(stream, dispatch, maxQueuedBytes, onFailed));
    }

    /// <summary>The method's id on this lane, defined on its first use. The definition precedes every request that names it.</summary>
    /// <exception cref="RpcFaultException">ResourceExhausted: too many methods.</exception>
    public uint GetMethodId(RpcMethod method) => _methods.TryGetValue(method, out var id) ? id : Define(method);

    public void Dispose() => Writer.Dispose();

    private uint Define(RpcMethod method)
    {
        lock (_defining)
        {
            if (_methods.TryGetValue(method, out var id))
            {
                return id;
            }

            if (_methods.Count >= WireLimits.MethodsPerLane)
            {
                throw new RpcFaultException(
                    RpcStatusCode.ResourceExhausted,
                    $"A lane defines at most {WireLimits.MethodsPerLane} methods; keep one RpcMethod instance for each method instead of creating them anew.")
                {
                    MayHaveExecuted = false,
                };
            }

            id = (uint)_methods.Count + 1;
            var name = Encoding.UTF8.GetBytes(method.FullName);
            if (name.Length > WireLimits.MethodNameBytes)
            {
                throw new RpcFaultException(
                    RpcStatusCode.InvalidArgument, $"A method's name has {name.Length} bytes; the limit is {WireLimits.MethodNameBytes}.")
                {
                    MayHaveExecuted = false,
                };
            }

            Writer.Append(
                FrameHeader.Create(FrameType.DefineMethod, FrameFlags.None, 0, name.Length, 0, id), [], name, inline: false, out _);
            _methods[method] = id;
            return id;
        }
    }
}
