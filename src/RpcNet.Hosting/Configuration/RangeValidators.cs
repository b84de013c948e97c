using Microsoft.Extensions.Options;

namespace RpcNet.Hosting.Configuration;

// The source generator writes what checks the ranges; the name given to Validate is the section's path.
[OptionsValidator]
internal sealed partial class ListenValidator : IValidateOptions<RpcNetListenOptions>;

[OptionsValidator]
internal sealed partial class TransportValidator : IValidateOptions<RpcNetTransportOptions>;

[OptionsValidator]
internal sealed partial class CertificateValidator : IValidateOptions<RpcNetCertificateOptions>;

[OptionsValidator]
internal sealed partial class ServerValidator : IValidateOptions<RpcNetServerOptions>;

[OptionsValidator]
internal sealed partial class LimitsValidator : IValidateOptions<RpcNetLimitsOptions>;

[OptionsValidator]
internal sealed partial class ClientValidator : IValidateOptions<RpcClientOptions>;

[OptionsValidator]
internal sealed partial class CompressionValidator : IValidateOptions<RpcNetCompressionOptions>;

[OptionsValidator]
internal sealed partial class Ngtcp2Validator : IValidateOptions<RpcNetNgtcp2Options>;
