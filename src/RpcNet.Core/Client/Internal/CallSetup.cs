using RpcNet.Framing;

namespace RpcNet.Client.Internal;

/// <summary>What a call sends beside its arguments, and who is told what the server sends beside its answer.</summary>
/// <param name="Options">The caller's options.</param>
/// <param name="Context">The context that filters share; null where there are none.</param>
internal readonly record struct CallSetup(RpcCallOptions? Options, ClientCallContext? Context)
{
    public RpcMetadata? Metadata => Context is null ? Options?.Metadata : Context.RequestMetadataOrNull;

    public void Deliver(in FrameExtension extension)
    {
        if (extension.Metadata is { } metadata)
        {
            if (Context is not null)
            {
                Context.ResponseMetadata = metadata;
            }

            Options?.OnResponseMetadata?.Invoke(metadata);
        }

        if (extension.Trailers is { } trailers)
        {
            if (Context is not null)
            {
                Context.Trailers = trailers;
            }

            Options?.OnTrailers?.Invoke(trailers);
        }
    }
}
