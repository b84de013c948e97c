using RpcNet.Framing;

namespace RpcNet.Client.Internal;

/// <summary>Reads what every kind of call gets from the server.</summary>
internal static class ResponseReader
{
    /// <exception cref="RpcFaultException">Internal: the server's extension cannot be read.</exception>
    public static FrameExtension ReadExtension(ReadOnlyMemory<byte> extension)
    {
        try
        {
            return FrameExtension.Read(extension);
        }
        catch (RpcProtocolException e)
        {
            throw new RpcFaultException(RpcStatusCode.Internal, $"The server's answer cannot be read: {e.Message}", innerException: e);
        }
    }

    /// <exception cref="RpcFaultException">
    /// Internal: the server's answer cannot be read. ResourceExhausted: it unfolds to more than this side allows.
    /// </exception>
    public static T ReadMessage<T>(
        RpcMarshaller<T> marshaller, ClientConnection connection, FrameFlags flags, ReadOnlyMemory<byte> payload, RpcMethod method)
    {
        try
        {
            return connection.Compression.Read(marshaller, connection.SerializerOf(method), payload, flags, connection.Limits.MessageBytes);
        }
        catch (RpcSerializationException e)
        {
            throw new RpcFaultException(
                RpcStatusCode.Internal, $"The response of {method.FullName} cannot be read: {e.Message}", innerException: e);
        }
    }
}
