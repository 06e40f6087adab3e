// biome-ignore-all lint/correctness/noComponentHookFactories: nodes of a syntax tree, and no components
import { readFileSync } from "node:fs";
import { parseSync, Visitor } from "oxc-parser";

/**
 * Reads one source file: what it imports (statically, dynamically, or for its types only) and which global names of interest
 * it refers to. `specifier` is undefined where a dynamic import does not name its module.
 */
export function readSourceFile(absolutePath, path) {
  const text = readFileSync(absolutePath, "utf8");
  return parseSourceFile(text, path);
}

export function parseSourceFile(text, path) {
  const { program, errors } = parseSync(path, text, { sourceType: "module" });
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0].message}`);
  const lineAt = (offset) => text.slice(0, offset).split("\n").length;
  const imports = [];
  const uses = [];
  const declared = new Set();
  const add = (source, isType, offset) => imports.push({ specifier: source, isType, line: lineAt(offset) });

  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, isTypeImport(node), node.start),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, isTypeExport(node), node.start);
    },
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind === "type", node.start),
    ImportExpression: (node) => add(literalValue(node.source), false, node.start),
    TSImportType: (node) => add(literalValue(node.source), true, node.start),
    CallExpression: (node) => {
      if (node.callee.type === "Identifier" && node.callee.name === "Date") uses.push(use("Date()", node));
    },
    NewExpression: (node) => {
      const isNow =
        node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0;
      if (isNow) uses.push(use("new Date()", node));
    },
    MemberExpression: (node) => {
      if (node.object.type !== "Identifier" || node.property.type !== "Identifier" || node.computed) return;
      uses.push(use(`${node.object.name}.${node.property.name}`, node));
    },
    Identifier: (node) => uses.push(use(node.name, node)),
  }).visit(program);
  collectDeclaredNames(program, declared);
  const skipped = positionsThatAreNotReferences(program);

  return {
    path,
    imports,
    uses: uses.filter((entry) => !skipped.has(entry.offset) && !declared.has(entry.name.split(/[ .(]/)[0])),
  };

  function use(name, node) {
    return {
      name,
      line: lineAt(node.start),
      offset: node.type === "Identifier" ? node.start : -node.start - 1,
    };
  }
}

function isTypeImport(node) {
  if (node.importKind === "type") return true;
  return node.specifiers.length > 0 && node.specifiers.every((specifier) => specifier.importKind === "type");
}

function isTypeExport(node) {
  if (node.exportKind === "type") return true;
  return node.specifiers.length > 0 && node.specifiers.every((specifier) => specifier.exportKind === "type");
}

function literalValue(node) {
  return node.type === "Literal" ? node.value : undefined;
}

/**
 * Names that the file itself brings into being. A local `crypto` is not the global one; where a name is declared anywhere in
 * the file, all its uses are taken to be local.
 */
function collectDeclaredNames(program, declared) {
  const addPattern = (pattern) => {
    if (pattern === null || pattern === undefined) return;
    if (pattern.type === "Identifier") declared.add(pattern.name);
    else if (pattern.type === "AssignmentPattern") addPattern(pattern.left);
    else if (pattern.type === "RestElement") addPattern(pattern.argument);
    else if (pattern.type === "ArrayPattern") pattern.elements.forEach(addPattern);
    else if (pattern.type === "ObjectPattern") {
      for (const property of pattern.properties) addPattern(property.value ?? property);
    }
  };
  const addFunction = (node) => {
    if (node.id) declared.add(node.id.name);
    for (const parameter of node.params) addPattern(parameter);
  };
  new Visitor({
    VariableDeclarator: (node) => addPattern(node.id),
    FunctionDeclaration: addFunction,
    FunctionExpression: addFunction,
    ArrowFunctionExpression: addFunction,
    ClassDeclaration: (node) => node.id && declared.add(node.id.name),
    CatchClause: (node) => addPattern(node.param),
    ImportSpecifier: (node) => declared.add(node.local.name),
    ImportDefaultSpecifier: (node) => declared.add(node.local.name),
    ImportNamespaceSpecifier: (node) => declared.add(node.local.name),
  }).visit(program);
}

/** Offsets of identifiers that name a property, a key or a type, and so refer to no global value. */
function positionsThatAreNotReferences(program) {
  const offsets = new Set();
  const skip = (node) => node && offsets.add(node.start);
  const skipKey = (node) => {
    if (!node.computed) skip(node.key);
  };
  const skipTypeName = (name) => {
    let left = name;
    while (left?.type === "TSQualifiedName") {
      skip(left.right);
      left = left.left;
    }
    skip(left);
  };
  new Visitor({
    MemberExpression: (node) => {
      if (!node.computed) skip(node.property);
    },
    Property: (node) => {
      if (!node.shorthand) skipKey(node);
    },
    MethodDefinition: skipKey,
    PropertyDefinition: skipKey,
    TSPropertySignature: skipKey,
    TSMethodSignature: skipKey,
    TSTypeReference: (node) => skipTypeName(node.typeName),
    TSTypeQuery: (node) => skipTypeName(node.exprName),
    TSInterfaceHeritage: (node) => skipTypeName(node.expression),
    TSImportType: (node) => skipTypeName(node.qualifier),
    TSInterfaceDeclaration: (node) => skip(node.id),
    TSTypeAliasDeclaration: (node) => skip(node.id),
    TSTypeParameter: (node) => skip(node.name),
    TSFunctionType: (node) => node.params.forEach(skip),
    TSNamedTupleMember: (node) => skip(node.label),
  }).visit(program);
  return offsets;
}
