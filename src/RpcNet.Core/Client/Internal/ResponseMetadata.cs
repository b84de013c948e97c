using RpcNet.Framing;

namespace RpcNet.Client.Internal;

/// <summary>What every kind of call does with a response.</summary>
internal static class ResponseMetadata
{
    public static void Deliver(RpcCallOptions? options, in FrameExtension extension)
    {
        if (options is null)
        {
            return;
        }

        if (extension.Metadata is { } metadata)
        {
            options.OnResponseMetadata?.Invoke(metadata);
        }

        if (extension.Trailers is { } trailers)
        {
            options.OnTrailers?.Invoke(trailers);
        }
    }

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

    /// <exception cref="RpcFaultException">Internal: the server's answer cannot be read.</exception>
    public static T ReadMessage<T>(RpcMarshaller<T> marshaller, IRpcSerializer serializer, ReadOnlyMemory<byte> payload, RpcMethod method)
    {
        try
        {
            return marshaller.Read(serializer, payload);
        }
        catch (RpcSerializationException e)
        {
            throw new RpcFaultException(
                RpcStatusCode.Internal, $"The response of {method.FullName} cannot be read: {e.Message}", innerException: e);
        }
    }
}
